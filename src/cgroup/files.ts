/**
 * The kernel's names for its files, and how their text is read: the one place that knows them per cgroup version. v1:
 * Documentation/admin-guide/cgroup-v1/memory.rst and pids.rst. v2: Documentation/admin-guide/cgroup-v2.rst.
 */

import { closeSync, constants, openSync, writeSync } from 'node:fs';
import { errnoOf } from '../errors.ts';

export type CounterFiles = Readonly<{ usage: string; maxUsage: string; failcnt: string; limit: string }>;

function counter(prefix: string): CounterFiles {
  return {
    usage: `${prefix}.usage_in_bytes`,
    maxUsage: `${prefix}.max_usage_in_bytes`,
    failcnt: `${prefix}.failcnt`,
    limit: `${prefix}.limit_in_bytes`,
  };
}

export const v1 = {
  kmem: counter('memory.kmem'),
  mem: counter('memory'),
  memsw: counter('memory.memsw'),
  kmemTcp: counter('memory.kmem.tcp'),
  oomControl: 'memory.oom_control',
  forceEmpty: 'memory.force_empty',
  useHierarchy: 'memory.use_hierarchy',
  pids: { current: 'pids.current', peak: 'pids.peak', events: 'pids.events', limit: 'pids.max' },
  freezerState: 'freezer.state',
} as const;

export const v2 = {
  controllers: 'cgroup.controllers',
  subtreeControl: 'cgroup.subtree_control',
  kill: 'cgroup.kill',
  freeze: 'cgroup.freeze',
  cpuStat: 'cpu.stat',
  stat: 'memory.stat',
  current: 'memory.current',
  /** Linux 5.19 */
  peak: 'memory.peak',
  limit: 'memory.max',
  events: 'memory.events',
  swap: { current: 'memory.swap.current', limit: 'memory.swap.max' },
  /** Linux 5.19 */
  reclaim: 'memory.reclaim',
} as const;

/** The same in both versions. */
export const PROCS = 'cgroup.procs';

/** Writes a control file. Without O_CREAT: with it, cgroupfs reports EACCES if the file simply does not exist. */
export function writeControl(path: string, text: string): void {
  const descriptor = openSync(path, constants.O_WRONLY);
  try {
    writeSync(descriptor, text);
  } finally {
    closeSync(descriptor);
  }
}

/** The same; false if the kernel refuses it, or the file does not exist. */
export function tryControl(path: string, text: string): boolean {
  try {
    writeControl(path, text);
    return true;
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return false;
  }
}

/** A count or a number of bytes; null for `max`, v1's "unlimited" (LONG_MAX rounded down to a page) and non-numbers. */
export function parseAmount(text: string): number | null {
  const digits = text.trim();
  if (!/^\d+$/.test(digits)) return null;
  const amount = Number(digits);
  return Number.isSafeInteger(amount) ? amount : null;
}

/** The value of one key in a flat keyed file ("oom_kill 3"); null: no such key. */
export function parseKeyed(text: string, key: string): number | null {
  for (const line of text.split('\n')) {
    if (line.startsWith(`${key} `)) return parseAmount(line.slice(key.length + 1));
  }
  return null;
}

/** The pids in a cgroup.procs. A process outside the reader's pid namespace appears as 0. */
export function parseProcs(text: string): number[] {
  const pids: number[] = [];
  for (const line of text.split('\n')) {
    if (line !== '') pids.push(Number(line));
  }
  return pids;
}

/**
 * What a group looks like on cgroup v2. The group itself has the limits and is what counts; its processes are in a
 * leaf, and the helper's joiner, which starts them, is in another leaf. The memory controller is not handed down to the
 * leaves, so that their allocations are charged to the group; the pids controller is, so that the joiner is neither
 * counted nor limited as a process.
 */

/** For the command and everything that it starts. */
export function runLeaf(group: string): string {
  return `${group}/run`;
}

/** For the joiner while it starts the command. */
export function joinLeaf(group: string): string {
  return `${group}/join`;
}
