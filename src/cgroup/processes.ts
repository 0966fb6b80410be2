import { readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { errnoOf, isShortage } from '../errors.ts';
import { pidsBelow } from './nested.ts';
import type { GroupDirectories } from './types.ts';

export type Process = Readonly<{ pid: number; comm: string }>;

/** The pids in the group and its nested groups, in every hierarchy that it joined; zombies are not among them. */
export function processesOf(group: GroupDirectories): number[] {
  return listProcesses(group).filter((pid) => pid !== 0);
}

/** For repeated checks: null if the machine currently has no descriptor or memory for it. */
export function processesNow(group: GroupDirectories): number[] | null {
  try {
    return processesOf(group);
  } catch (error) {
    if (isShortage(error)) return null;
    throw error;
  }
}

/** The same, with a 0 if there are processes outside our pid namespace, which cannot be named or signalled. */
export function listProcesses(group: GroupDirectories): number[] {
  // On v2 the group's leaves are in it.
  const { directories } = group;
  const tops = directories.filter((each) => !directories.some((other) => each.startsWith(`${other}/`)));
  return [...new Set(tops.flatMap(pidsBelow))];
}

/** The name of a process (at most 15 bytes, proc_pid_comm(5)); null if it is gone. */
export function describe(pid: number): Process | null {
  const stat = readStat(pid);
  return stat === null ? null : { pid, comm: stat.comm };
}

/** A process with the state letter of proc_pid_stat(5); null if it is gone. */
export function describeState(pid: number): (Process & Readonly<{ state: string }>) | null {
  const stat = readStat(pid);
  return stat === null ? null : { pid, comm: stat.comm, state: stat.state };
}

/** Null: the process is gone. */
export function parentOf(pid: number): number | null {
  return readStat(pid)?.parent ?? null;
}

/** When it started, in ticks since boot: with the pid it identifies a process for good. Null: it is gone. */
export function startOf(pid: number): string | null {
  return readStat(pid)?.start ?? null;
}

/** It is gone, or exiting: from then on cgroup v1 reports it in the root. */
export function isEnding(pid: number): boolean {
  const stat = readStat(pid);
  return stat === null || (stat.flags & PF_EXITING) !== 0;
}

/** Source: include/linux/sched.h. */
const PF_EXITING = 4;

/**
 * Signals each process that is now in the group, and returns how many it reached: those that they then start, to clean
 * up, are left alone.
 */
export function signalGroup(group: GroupDirectories, signal: NodeJS.Signals): number {
  return processesOf(group).filter((pid) => signalMember(group, pid, signal)).length;
}

/**
 * As signalProcess(), but only while the process is in the group: its pid was read earlier and may be another process's
 * by now. Node has no pidfd: a pid reused within a few microseconds is not noticed.
 */
export function signalMember(group: GroupDirectories, pid: number, signal: NodeJS.Signals): boolean {
  return isIn(group, pid) && signalProcess(pid, signal);
}

/** cgroup v1 reports an exited thread in the root, even a leader whose other threads still run. */
function isIn({ directories }: GroupDirectories, pid: number): boolean {
  const names = new Set(directories.map((directory) => basename(directory)));
  const leadsThere = (file: string): boolean => {
    try {
      return readFileSync(file, 'latin1')
        .split(/[/\n]/)
        .some((part) => names.has(part));
    } catch (error) {
      // The kernel reports no path that is too long. The list named the process, so it counts.
      return errnoOf(error) === 'ENAMETOOLONG';
    }
  };
  return (
    leadsThere(`/proc/${pid}/cgroup`) || threadsOf(pid).some((tid) => leadsThere(`/proc/${pid}/task/${tid}/cgroup`))
  );
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/**
 * Signals a process of the group and all of its descendants in the group that are still linked to it by their parents.
 */
export function signalTree(group: GroupDirectories, root: number, signal: NodeJS.Signals): void {
  const parents = new Map(processesOf(group).map((pid) => [pid, readStat(pid)?.parent ?? 0]));
  const tree = new Set([root]);
  for (let before = 0; before !== tree.size; ) {
    before = tree.size;
    for (const [pid, parent] of parents) if (tree.has(parent)) tree.add(pid);
  }
  for (const pid of tree) signalMember(group, pid, signal);
}

/** False if the process is gone, may not be signalled, or is this one. */
export function signalProcess(pid: number, signal: NodeJS.Signals): boolean {
  if (pid === process.pid || pid <= 0) return false;
  try {
    return process.kill(pid, signal);
  } catch (error) {
    if (errnoOf(error) === 'ESRCH' || errnoOf(error) === 'EPERM') return false;
    throw error;
  }
}

/** comm may hold anything, also ") S": it ends at the last parenthesis. */
function readStat(pid: number): { comm: string; state: string; parent: number; flags: number; start: string } | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'utf8');
  } catch {
    return null;
  }
  const end = text.lastIndexOf(')');
  // proc_pid_stat(5) counts from 1, and these are the third and later fields.
  const [state = '', parent = '', ...more] = text.slice(end + 2).split(' ');
  const comm = text.slice(text.indexOf('(') + 1, end);
  return { comm, state, parent: Number(parent), flags: Number(more[4]), start: more[17] ?? '' };
}
