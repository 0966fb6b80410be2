import { readFileSync } from 'node:fs';
import { findKernel } from '../../src/kernels/find.ts';
import type { Kernel } from '../../src/kernels/types.ts';
import { bootMachine } from '../../src/vm/machine.ts';
import { guestRunner } from '../../src/vm/runner.ts';
import type { Bench, Section } from '../bench.ts';
import { kmemRun, output } from '../commands.ts';
import { figure, goal, layOut, type Row } from '../table.ts';

const KERNEL = '5.10';
const MIB = 1024 * 1024;
const MEMORY = 1024 * MIB;
const GOAL_MS = 5000;

/** Emulated, one boot after the other, each tried once. */
export const vm: Section = {
  name: 'vm',
  about: `to boot ${KERNEL} under emulation, and to have run a command in it`,
  run: async (bench) => {
    const kernel = await findKernel(KERNEL);
    const booted = await bootAll(bench, kernel);
    const starts = Array.from({ length: bench.quick ? 3 : 15 }, startMs);
    const up = `${booted.upMs.length} of ${bench.boots} boots came up, without a retry`;
    const rows: Row[] = [
      ['QEMU started → agent up', figure(booted.upMs, 'ms'), up],
      ['command line → first instruction', figure(starts, 'ms'), goal('at most', GOAL_MS, 'ms', starts)],
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
function startMs(): number {
  const began = Date.now();
  const said = output(kmemRun(['--kernel', KERNEL, '--enforce', 'none'], ['date', '+%s%N']));
  return Number(said.trim()) / 1e6 - began;
}
