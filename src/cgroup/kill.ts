import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../errors.ts';
import { PROCS, tryControl, v1, v2, writeControl } from './files.ts';
import { cgroupOf, mountedHierarchies } from './hierarchies.ts';
import { nestedGroups } from './nested.ts';
import { describeState, listProcesses, signalMember } from './processes.ts';
import type { GroupDirectories, Hierarchy } from './types.ts';

export type KillOptions = Readonly<{
  /** Milliseconds until it gives up. */
  deadlineMs?: number;
}>;

export const DEADLINE_MS = 10_000;

/** Rounds before survivors are checked for a freezer, and then between two checks. */
const THAW_EVERY = 4;
const LONGEST_PAUSE_MS = 20;
const STALLED_MS = 2000;
/** One burst blocks the event loop for no longer than about this. */
const BURST_MS = 50;

/**
 * Kills every process of the group and its nested groups, whether running, stopped or frozen; returns when none is
 * left. Without cgroup.kill it sets the group's pids.max to 0: read the counters first.
 * @throws SetupError `group-not-killed` at the deadline.
 */
export async function killGroup(
  group: GroupDirectories,
  { deadlineMs = DEADLINE_MS }: KillOptions = {},
): Promise<void> {
  const left = await killUntil(group, performance.now() + deadlineMs);
  if (left.length === 0) return;
  throw new SetupError('group-not-killed', `${group.name} still has ${nameProcesses(left)}`, STUCK);
}

export const STUCK = 'run kmem-run gc when they are gone (state D: waiting for a device or file server)';

/**
 * The pids that are left at the deadline (on the clock of performance.now()): none on success. It keeps waiting while
 * processes exit, since many of them take long on a slow machine.
 */
export async function killUntil(group: GroupDirectories, deadline: number): Promise<number[]> {
  let fewest = Number.POSITIVE_INFINITY;
  let giveUp = deadline;
  for (let round = 0; ; round += 1) {
    const left = killBurst(group);
    if (left.length < fewest && round > 0) giveUp = Math.max(deadline, performance.now() + STALLED_MS);
    fewest = Math.min(fewest, left.length);
    if (left.length === 0 || performance.now() > giveUp) return left;
    if (round % THAW_EVERY === THAW_EVERY - 1) thaw(group, left);
    await sleep(Math.min(2 ** round, LONGEST_PAUSE_MS));
  }
}

/** "3 processes: 12 (httpd, state D) …", for an error message. */
export function nameProcesses(pids: readonly number[]): string {
  const visible = pids.filter((pid) => pid !== 0);
  const names = visible.slice(0, 5).map((pid) => {
    const found = describeState(pid);
    return found === null ? `${pid} (already gone)` : `${pid} (${found.comm}, state ${found.state})`;
  });
  if (visible.length > names.length) names.push(`${visible.length - names.length} more`);
  if (visible.length < pids.length) names.push('some outside this pid namespace');
  return names.length === 1 && visible.length === 1 ? `process ${names[0]}` : `processes ${names.join(', ')}`;
}

/**
 * Kills without a pause until a pass finds no new process, and returns those still listed. A killed process can no
 * longer fork, so only those members of a fork bomb escape that were born between listing and killing: fewer in each
 * pass.
 */
function killBurst(group: GroupDirectories): number[] {
  const killed = new Set<number>();
  const until = performance.now() + BURST_MS;
  let pids = listProcesses(group);
  if (pids.length > 0) stopForks(group);
  while (pids.some((pid) => !killed.has(pid))) {
    for (const pid of pids) if (!killed.has(pid)) signalMember(group, pid, 'SIGKILL');
    for (const pid of pids) killed.add(pid);
    if (performance.now() > until) break;
    pids = listProcesses(group);
  }
  return pids;
}

/**
 * cgroup.kill (Linux 5.14) kills the whole tree and later forks at once; otherwise a pids limit of 0 refuses the forks.
 */
function stopForks({ unified, pids }: GroupDirectories): void {
  // Removed, too old a kernel, or not writable by us: the loop kills one by one.
  if (unified !== null && tryControl(`${unified}/${v2.kill}`, '1')) return;
  if (pids !== null) tryControl(`${pids}/${v1.pids.limit}`, '0');
}

/** Any beyond these are left to the next round. */
const MAX_PIDS = 1000;

/**
 * Lets killed processes die if they are frozen. SIGKILL reaches a process in a frozen v2 cgroup, but not in a v1
 * freezer. Source: freezer-subsystem.rst, cgroup-v2.rst (`cgroup.freeze`).
 */
export function thaw(group: GroupDirectories, pids: readonly number[]): void {
  if (group.unified !== null) {
    for (const cgroup of [group.unified, ...nestedGroups(group.unified)]) attempt(`${cgroup}/${v2.freeze}`, '0');
  }
  const freezer = mountedHierarchies().find(({ controllers }) => controllers.includes('freezer'));
  if (freezer === undefined) return;
  for (const pid of pids.slice(0, MAX_PIDS)) leaveFreezer(pid, freezer);
}

/** Only this process is taken out: others in that freezer may be frozen for somebody's good reason. */
function leaveFreezer(pid: number, freezer: Hierarchy): void {
  const state = frozenState(pid, freezer);
  if (state === null) return;
  if (!attempt(`${freezer.mountPoint}/${PROCS}`, String(pid))) attempt(state, 'THAWED');
}

/** The state file of the process's freezer cgroup; null if it is not frozen there, or gone. */
function frozenState(pid: number, freezer: Hierarchy): string | null {
  const cgroup = cgroupOf(pid, freezer);
  if (cgroup === null || cgroup === freezer.mountPoint) return null;
  const state = `${cgroup}/${v1.freezerState}`;
  try {
    return readFileSync(state, 'latin1').trim() === 'THAWED' ? null : state;
  } catch {
    return null;
  }
}

function attempt(path: string, text: string): boolean {
  try {
    writeControl(path, text);
    return true;
  } catch {
    return false;
  }
}
