/** Live runs, and live runs that lose their keepers. */

import { readdirSync, readFileSync } from 'node:fs';
import { stateOf, until } from '../cgroup/sandbox.ts';
import type { Running } from '../harness.ts';
import type { Machine } from './machine.ts';

/** A run whose program is running: `--kmem 64M -- sleep 1000`. */
export type Live = Readonly<{ running: Running; name: string; sleep: number; helpers: readonly number[] }>;

export async function startRun(machine: Machine): Promise<Live> {
  const { memory } = machine.sandbox;
  const before = new Set(groupsIn(memory));
  // Not pipes: the program would hold them open when its runner is gone.
  const running = machine.start(['--kmem', '64M', '--', 'sleep', '1000'], {
    under: machine.alone,
    json: false,
    stdout: 'ignore',
    stderr: 'ignore',
  });
  const find = () => groupsIn(memory).find((name) => !before.has(name));
  await until(() => find() !== undefined);
  const name = find() ?? '';
  const inGroup = () => pidsOf(`${memory}/${name}`).filter((pid) => commOf(pid) === 'sleep');
  await until(() => inGroup().length === 1);
  const [sleep = 0] = inGroup();
  // Until then it opens libraries and locales, which fails (ENOSYS) if its supervisor is killed meanwhile.
  await until(() => isAsleep(sleep));
  const [guardian = 0] = childrenOf(running.pid);
  const [supervisor = 0] = childrenOf(guardian);
  const others = () => childrenOf(supervisor).filter((pid) => pid !== sleep);
  // The process that started the program exits a little later; the reclaimer has its own name.
  await until(() => others().length > 0 && others().every((pid) => commOf(pid) !== 'kmem-helper'));
  const helpers = [guardian, supervisor, ...others()];
  return { running, name, sleep, helpers };
}

/** Runner, supervisor and guardian die together: each is stopped first, so that none sees another exit. */
export async function killKeepers({ running, helpers }: Live): Promise<void> {
  const keepers = [running.pid, ...helpers];
  for (const pid of keepers) process.kill(pid, 'SIGSTOP');
  await until(() => keepers.every((pid) => stateOf(pid) === 'T'));
  // The runner last: its death orphans the process group, and the kernel continues stopped members of such a group.
  for (const pid of keepers.toReversed()) process.kill(pid, 'SIGKILL');
  await running.ended;
}

export function groupsIn(directory: string): string[] {
  return readdirSync(directory).filter((name) => name.startsWith('kmem-run.'));
}

function pidsOf(directory: string): number[] {
  try {
    return readFileSync(`${directory}/cgroup.procs`, 'latin1').split('\n').filter(Boolean).map(Number);
  } catch {
    return [];
  }
}

export function commOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'latin1').trim();
  } catch {
    return null;
  }
}

/** Source: proc_pid_wchan(5). */
function isAsleep(pid: number): boolean {
  return readFileSync(`/proc/${pid}/wchan`, 'latin1').endsWith('nanosleep');
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1').split(' ').filter(Boolean).map(Number);
}

export function isRunning(pid: number): boolean {
  const state = stateOf(pid);
  return state !== null && state !== 'Z';
}
