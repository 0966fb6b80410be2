/** Used if no BPF program watches: looks for processes that come from the run but are not in its group. */

import { readdirSync, readlinkSync } from 'node:fs';
import { nestedGroups, pidsIn } from '../cgroup/nested.ts';
import { describe, isEnding, processesOf, startOf } from '../cgroup/processes.ts';
import type { Group } from '../cgroup/types.ts';
import { readOrNull } from '../host/read-file.ts';

/** `to`: its group in the memory hierarchy. `wasInside`: it was seen in the run's group earlier. */
export type Outsider = Readonly<{ pid: number; comm: string; to: string; wasInside: boolean }>;

/** A pid may have been reused: the start time identifies the process. */
type Known = Map<number, string>;

/** Returns a function that finds each such process once. `helper`: processes orphaned in the run are its children. */
export function lookOutside(group: Group, helper: Readonly<{ pid: number; path: string }>): () => Outsider[] {
  const inside: Known = new Map();
  const reported: Known = new Map();
  return () => {
    // A process in the tree before the group is read is by then in the group, gone, or outside.
    const known = new Set([
      ...living(inside),
      ...living(reported),
      ...descendantsOf(helper.pid),
      ...processesOf(group),
    ]);
    const members = new Set([group.memory, ...nestedGroups(group.memory)].flatMap(pidsIn));
    for (const pid of members) remember(inside, pid);
    return [...known].flatMap((pid) => {
      const start = members.has(pid) ? null : startOf(pid);
      if (start === null || reported.get(pid) === start) return [];
      const wasInside = inside.get(pid) === start;
      if (!wasInside && isHelper(pid, helper.path)) return [];
      const to = groupOf(pid, group.version);
      const process = describe(pid);
      if (to === null || process === null || isBelow(to, group.name) || isEnding(pid)) return [];
      reported.set(pid, start);
      return [{ pid, comm: process.comm, to, wasInside }];
    });
  };
}

function remember(known: Known, pid: number): void {
  const start = startOf(pid);
  if (start !== null) known.set(pid, start);
}

function living(known: Known): number[] {
  for (const [pid, start] of known) if (startOf(pid) !== start) known.delete(pid);
  return [...known.keys()];
}

/** Source: proc_tid_children(5): the list covers one thread's children. */
function descendantsOf(root: number): number[] {
  const found = new Set([root]);
  for (const pid of found) for (const child of childrenOf(pid)) found.add(child);
  found.delete(root);
  return [...found];
}

function childrenOf(pid: number): number[] {
  const lists = threadsOf(pid).map((tid) => readOrNull(`/proc/${pid}/task/${tid}/children`) ?? '');
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

function threadsOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}

/**
 * The helper's own processes are beside the group; a joiner is one of them until its exec. They are undumpable: their
 * program may be hidden.
 */
function isHelper(pid: number, path: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/exe`) === path;
  } catch {
    return /^kmem-(helper|reclaimer|guardian)$/.test(describe(pid)?.comm ?? '');
  }
}

function groupOf(pid: number, version: Group['version']): string | null {
  const lines = (readOrNull(`/proc/${pid}/cgroup`) ?? '').split('\n').map((line) => line.split(':'));
  const isIt = ([id, controllers = '']: string[]) =>
    version === 2 ? id === '0' : controllers.split(',').includes('memory');
  return lines.find(isIt)?.slice(2).join(':') ?? null;
}

function isBelow(path: string, name: string): boolean {
  return path.split('/').some((part) => part.startsWith(name));
}
