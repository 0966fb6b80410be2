import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { readTscKhz } from '../../src/vm/qemu.ts';
import { needs } from '../needs.ts';
import { makeFolder } from './machines.ts';

function cpuinfo(flags: string, mhz: string, bogomips: string): string {
  return ['processor\t: 0', `flags\t\t: fpu ${flags} msr`, `cpu MHz\t\t: ${mhz}`, `bogomips\t: ${bogomips}`, ''].join(
    '\n',
  );
}

function files(text: string, frequency = '') {
  return { cpuinfo: () => text, frequency: () => frequency };
}

test('a constant counter has the rate of the kernel’s delay loop, whatever the current clock speed', (t) => {
  t.is(readTscKhz(files(cpuinfo('tsc constant_tsc', '812.004', '5192.27'))), 2_596_135);
  t.is(readTscKhz(files(cpuinfo('tsc', '2596.138', '100.00'))), 2_596_138);
  t.is(readTscKhz(files(cpuinfo('tsc constant_tsc', '812.004', '5192.27'), '2600000\n')), 2_600_000);
});

test('unknown is null', (t) => {
  t.is(readTscKhz(files('')), null);
  t.is(readTscKhz(files(cpuinfo('', '812.004', '5192.27'))), null);
  t.is(readTscKhz(files(cpuinfo('tsc constant_tsc', '0', '0'))), null);
});

/** Two readings of counter and clock; the time between them does not matter. */
const PROGRAM = `
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC_RAW, &t); return t.tv_sec * 1e3 + t.tv_nsec / 1e6; }
int main(void) {
  double from = now(); unsigned long long a = __rdtsc();
  while (now() - from < 500) ;
  double to = now(); unsigned long long b = __rdtsc();
  printf("%.0f\\n", (b - a) / (to - from));
}
`;

test('the rate of this machine matches its counter within 1 %', (t) => {
  if (!needs(t, process.arch === 'x64', 'a time-stamp counter')) return;
  const folder = makeFolder(t);
  writeFileSync(join(folder, 'rate.c'), PROGRAM);
  execFileSync('cc', ['-O1', '-o', join(folder, 'rate'), join(folder, 'rate.c')]);
  const measured = Number(execFileSync(join(folder, 'rate'), { encoding: 'utf8' }));
  const khz = readTscKhz();
  t.log(`${khz} kHz, measured ${measured}`);
  t.true(Math.abs((khz ?? 0) - measured) < measured / 100);
});
