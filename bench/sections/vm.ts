import { readFileSync } from 'node:fs';
import { findKernel } from '../../src/kernels/find.ts';
import type { Kernel } from '../../src/kernels/types.ts';
import { normaliseSpec } from '../../src/request/normalise.ts';
import { runSpec } from '../../src/run/index.ts';
import { openGuests } from '../../src/vm/guests.ts';
import { bootMachine } from '../../src/vm/machine.ts';
import { guestRunner } from '../../src/vm/runner.ts';
import type { Bench, Section } from '../bench.ts';
import { kmemRun, output } from '../commands.ts';
import { figure, goal, layOut, type Row } from '../table.ts';

const KERNEL = '5.10';
const MIB = 1024 * 1024;
const MEMORY = 1024 * MIB;
const GOAL_MS = 5000;
const RESTORE_GOAL_MS = 1000;
/** Four runs a second. */
const RUN_GOAL_MS = 250;

/** Emulated, one boot after the other, each tried once. */
export const vm: Section = {
  name: 'vm',
  about: `to boot ${KERNEL} under emulation, and to have run a command in it`,
  run: async (bench) => {
    const kernel = await findKernel(KERNEL);
    const booted = await bootAll(bench, kernel);
    const count = bench.quick ? 3 : 15;
    const fresh = Array.from({ length: count }, () => startMs(['--fresh-vm']));
    // The first one makes the snapshot.
    startMs([]);
    const restored = Array.from({ length: count }, () => startMs([]));
    const runs = await makeRuns(bench.quick ? 10 : 100);
    const up = `${booted.upMs.length} of ${bench.boots} boots came up, without a retry`;
    const rows: Row[] = [
      ['QEMU started → agent up', figure(booted.upMs, 'ms'), up],
      ['command line → first instruction, booted', figure(fresh, 'ms'), goal('at most', GOAL_MS, 'ms', fresh)],
      ['the same, from a snapshot', figure(restored, 'ms'), goal('at most', RESTORE_GOAL_MS, 'ms', restored)],
      ['a run of true in a guest that is kept', figure(runs, 'ms'), goal('at most', RUN_GOAL_MS, 'ms', runs)],
      ['QEMU, with 1024 MiB for the guest', figure(booted.mib, 'MiB'), 'resident when it is up'],
    ];
    bench.say(layOut([['', 'median (quartiles)', ''], ...rows]));
    if (booted.upMs.length < bench.boots) throw new Error(`${bench.boots - booted.upMs.length} boots did not come up`);
  },
};

type Booted = Readonly<{ upMs: number[]; mib: number[] }>;

async function bootAll(bench: Bench, kernel: Kernel): Promise<Booted> {
  const { prefetch } = guestRunner();
  const booted: Booted = { upMs: [], mib: [] };
  for (let number = 1; number <= bench.boots; number += 1) {
    try {
      const machine = await bootMachine({
        ...{ kernel, memory: MEMORY, cpus: 1, rw: [], prefetch },
        ...{ accel: 'tcg', retries: 0 },
      });
      booted.upMs.push(machine.bootMs);
      booted.mib.push(residentMib(machine.pid));
      await machine.kill();
    } catch (error) {
      bench.say(`  boot ${number}: ${(error as Error).message}\n`);
    }
  }
  return booted;
}

function residentMib(pid: number): number {
  return Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]) / 1024;
}

/** The guest's clock is set to the host's: the command reports when it began. */
function startMs(options: readonly string[]): number {
  const began = Date.now();
  const said = output(kmemRun(['--kernel', KERNEL, '--enforce', 'none', ...options], ['date', '+%s%N']));
  return Number(said.trim()) / 1e6 - began;
}

/** One after the other, as a sweep makes them; the first few are not counted. */
async function makeRuns(count: number): Promise<number[]> {
  const guests = openGuests(1);
  const spec = normaliseSpec({ command: ['true'], kernel: KERNEL, kmem: '4M', output: 'null' });
  const times: number[] = [];
  try {
    for (let number = 0; number < count + UNCOUNTED; number += 1) {
      const began = performance.now();
      await runSpec(spec, { guests, stdin: 'null' });
      if (number >= UNCOUNTED) times.push(performance.now() - began);
    }
  } finally {
    await guests.close();
  }
  return times;
}

const UNCOUNTED = 3;
