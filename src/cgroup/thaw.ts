import { readFileSync } from 'node:fs';
import { PROCS, v1, v2, writeControl } from './files.ts';
import { cgroupOf, mountedHierarchies } from './hierarchies.ts';
import { nestedGroups } from './nested.ts';
import type { GroupDirectories, Hierarchy } from './types.ts';

/** More than these are left to the next round. */
const MAX_PIDS = 1000;

/**
 * Lets killed processes die that something froze. SIGKILL reaches a process in a frozen v2 cgroup, but not in a v1
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
