/** What must hold after each batch of runs: after the next start and gc, nothing of them is left. */

import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { nestedGroups, pidsIn } from '../../src/cgroup/nested.ts';
import { bin } from '../harness.ts';
import { slowness } from '../needs.ts';
import { readOrEmpty } from '../processes.ts';
import { programsLeft } from '../run/programs-left.ts';
import { allProcesses, describe, readProcess, treeOf } from './processes.ts';

export type Inspected = Readonly<{
  /** Cgroups of this batch, and all below them. */
  groups: readonly string[];
  temporary: string;
  cache: string;
  /** In a PID namespace all processes are the batch's. */
  isolated: boolean;
}>;

/** Everything that exists, as lines; it must be the same afterwards. */
export type Inventory = ReadonlySet<string>;

const TIMEOUT_MS = 10_000 * slowness;
const LOOK_EVERY_MS = 50;

export function takeInventory({ groups, temporary, cache, isolated }: Inspected): Inventory {
  const own = new Set(treeOf(process.pid).map(({ pid }) => pid));
  const processes = isolated
    ? allProcesses().filter(({ pid }) => pid !== 1)
    : groups.flatMap((group) =>
        [group, ...nestedGroups(group)].flatMap(pidsIn).flatMap((pid) => readProcess(pid) ?? []),
      );
  return new Set([
    ...groups.flatMap(nestedGroups).map((group) => `group ${group}`),
    ...filesIn('/run/kmem-run').map((name) => `lock ${name}`),
    ...filesIn('/dev/shm').map((name) => `shared memory ${name}`),
    ...filesIn(temporary).map((name) => `temporary file ${name}`),
    ...filesIn(cache).map((name) => `file in the cache ${name}`),
    ...readFileSync('/proc/self/mounts', 'utf8')
      .split('\n')
      .map((line) => `mount ${line}`),
    ...processes
      .filter(({ pid, state }) => state === 'Z' || !own.has(pid))
      .map((process) => `process ${describe(process)}`),
    ...filesIn('/proc/self/fd').map((fd) => `descriptor ${fd}`),
    // Sockets that nobody can reach any more still exist; a network namespace contains only ours.
    ...(isolated ? [`sockets: ${readOrEmpty('/proc/net/unix').split('\n').length}`] : []),
  ]);
}

/** The problems, once the next run has started and gc has run. */
export async function judgeBatch(inspected: Inspected, before: Inventory): Promise<readonly string[]> {
  const problems = [
    ...mustPass(inspected, RUN),
    ...mustPass(inspected, ['gc']),
    ...(inspected.isolated ? [] : await programsLeft()).map((program) => `BPF program ${program}`),
  ];
  // The kernel and Node take a moment to close what has ended.
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const left = [...takeInventory(inspected)].filter((line) => !before.has(line));
    if (left.length === 0 || performance.now() > deadline) return [...problems, ...left.map((line) => `left: ${line}`)];
    await sleep(LOOK_EVERY_MS);
  }
}

/** Afterwards kmem-run's cache has its contents. */
export function warmUp(inspected: Inspected, kernel: string | null): void {
  const inMicrovm = kernel === null ? [] : [['--kernel', kernel, ...RUN]];
  const problems = [RUN, ['gc'], ...inMicrovm].flatMap((args) => mustPass(inspected, args));
  if (problems.length > 0) throw new Error(`a run that nothing disturbs fails: ${problems.join('\n')}`);
}

const RUN = ['--kmem', '4M', '--quiet', '--', 'true'];

function mustPass({ temporary }: Inspected, args: readonly string[]): readonly string[] {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, [bin, ...args], {
    cwd: join(temporary, '..'),
    encoding: 'utf8',
  });
  if (status === 0) return [];
  return [`kmem-run ${args.join(' ')}: ${status ?? signal}: ${stdout}${stderr}`];
}

function filesIn(folder: string): readonly string[] {
  return existsSync(folder) ? readdirSync(folder) : [];
}
