import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import test from 'ava';
import { meminfoBytes, readEnvironment, readThrottleCount } from '../../src/result/environment.ts';
import { measurementWarnings } from '../../src/result/notes.ts';
import { result } from '../fixtures/results.ts';
import { validateResult } from '../validate-result.ts';

test('the environment describes this machine and matches the schema', (t) => {
  const environment = readEnvironment({ layout: 'hybrid', aslr: true, cold: false });
  t.is(environment.kernel, execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim());
  t.is(environment.cpus, Number(execFileSync('nproc', { encoding: 'utf8' })));
  t.is(environment.memTotal, Number(/MemTotal:\s+(\d+)/.exec(readFileSync('/proc/meminfo', 'utf8'))?.[1]) * 1024);
  t.is(`v${environment.node}`, process.version);
  t.like(environment, { cgroup: 'hybrid', aslr: true, cold: false });
  t.notThrows(() => validateResult({ ...result(), environment }));
});

test('missing cgroups and an unknown warmth are null', (t) => {
  t.like(readEnvironment({ layout: 'none', aslr: false, cold: null }), { cgroup: null, cold: null });
});

test('kB in meminfo means 1,024 bytes; no swap is 0, a missing figure is null', (t) => {
  const meminfo =
    'MemTotal:        4046132 kB\nSwapTotal:             0 kB\nHugePages_Total:       0\nXSwapFree: 7 kB\n';
  t.is(meminfoBytes(meminfo, 'MemTotal'), 4_143_239_168);
  t.is(meminfoBytes(meminfo, 'SwapTotal'), 0);
  t.is(meminfoBytes(meminfo, 'SwapFree'), null);
  t.is(meminfoBytes(meminfo, 'HugePages_Total'), null);
  t.is(meminfoBytes(null, 'MemTotal'), null);
});

test('the throttle count is a whole number, or null if there is none', (t) => {
  const throttles = readThrottleCount();
  t.true(throttles === null || (Number.isInteger(throttles) && throttles >= 0));
});

const calm = {
  limits: { mem: 1_048_576, memsw: null },
  environment: { swapTotal: 0, aslr: false },
  throttled: { before: null, after: null },
} as const;

test('an undisturbed machine causes no warning', (t) => {
  t.deepEqual(measurementWarnings(calm), []);
});

test('swap weakens a memory limit unless memsw equals it', (t) => {
  const environment = { swapTotal: 1024, aslr: false };
  t.regex(measurementWarnings({ ...calm, environment })[0] ?? '', /^swap is on: .*--memsw/);
  t.is(measurementWarnings({ ...calm, environment, limits: { mem: 4096, memsw: 8192 } }).length, 1);
  t.deepEqual(measurementWarnings({ ...calm, environment, limits: { mem: 4096, memsw: 4096 } }), []);
  t.deepEqual(measurementWarnings({ ...calm, environment, limits: { mem: null, memsw: null } }), []);
  t.deepEqual(measurementWarnings({ ...calm, environment: { swapTotal: null, aslr: false } }), []);
});

test('randomisation and a throttled processor trigger warnings', (t) => {
  t.regex(measurementWarnings({ ...calm, environment: { swapTotal: 0, aslr: true } })[0] ?? '', /randomisation is on/);
  t.regex(measurementWarnings({ ...calm, throttled: { before: 3, after: 5 } })[0] ?? '', /throttled itself 2 times/);
  t.regex(
    measurementWarnings({ ...calm, throttled: { before: 3, after: 4 } })[0] ?? '',
    /throttled itself 1 time during/,
  );
  t.deepEqual(measurementWarnings({ ...calm, throttled: { before: 3, after: 3 } }), []);
  t.deepEqual(measurementWarnings({ ...calm, throttled: { before: null, after: 3 } }), []);
});
