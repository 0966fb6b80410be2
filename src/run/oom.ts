/**
 * Processes outside the group that the kernel's OOM killer killed. A native limit below the memory limit can wake the
 * *global* OOM killer, which picks the largest process.
 */

import { closeSync, constants, type FSWatcher, openSync, readFileSync, readSync, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseKeyed, v2 } from '../cgroup/files.ts';
import type { Group } from '../cgroup/types.ts';
import { errnoOf } from '../errors.ts';
import { readOrNull } from '../host/read-file.ts';

export type Victim = Readonly<{ pid: number; comm: string; cgroup: string; global: boolean }>;

export type OomWatch = Readonly<{
  /** Sentences about kills since the watch began; `ownKills`: how many of them the group's own counter includes. */
  outside: (groupName: string, ownKills: number | null) => string[];
}>;

export function watchOomKills(): OomWatch {
  const before = readKills();
  return {
    outside: (groupName, ownKills) => {
      const after = readKills();
      if (before === null || after === null || after <= before) return [];
      const kills = after - before;
      // Read only now: reading the kernel's whole log costs more than most runs.
      const victims = parseVictims(readKernelLog()).slice(-kills);
      const named = victims.filter(({ cgroup }) => !cgroup.split('/').includes(groupName));
      const unnamed = Math.max(0, kills - victims.length - (victims.length === 0 ? (ownKills ?? 0) : 0));
      return [...named.map(sentenceOf), ...(unnamed === 0 ? [] : [unnamedSentence(unnamed)])];
    },
  };
}

function sentenceOf({ comm, pid, cgroup, global }: Victim): string {
  const killer = global ? "the kernel's global OOM killer" : 'the OOM killer of another cgroup';
  return `${killer} killed ${comm} (${pid}) outside the group, in ${cgroup}: the machine ran out of memory, or the kmem limit triggered it`;
}

function unnamedSentence(count: number): string {
  const whom = count === 1 ? 'a process' : `${count} processes`;
  return `the OOM killer killed ${whom} outside the group; the kernel's log does not name it`;
}

/** /proc/vmstat, since Linux 4.13. */
function readKills(): number | null {
  try {
    return parseKeyed(readFileSync('/proc/vmstat', 'latin1'), 'oom_kill');
  } catch {
    return null;
  }
}

/**
 * The victims named in the records of /dev/kmsg, in order. A record is `priority,sequence,time,flags;text`; the
 * kernel's own priorities are below 8, and nobody else can write one. mm/oom_kill.c, dump_oom_summary(), since 5.0.
 */
export function parseVictims(records: readonly string[]): Victim[] {
  return records.flatMap((record) => {
    const match = /^[0-7],[^;]*;oom-kill:(.*),task_memcg=(.*),task=(.*),pid=(\d+),uid=\d+$/.exec(firstLine(record));
    if (match === null) return [];
    const [, cause = '', cgroup = '', comm = '', pid] = match;
    return [{ pid: Number(pid), comm, cgroup, global: cause.includes('global_oom') }];
  });
}

/** The rest is the record's dictionary. */
function firstLine(record: string): string {
  return record.split('\n', 1)[0] ?? '';
}

const RECORD_BYTES = 8192;

/** The records that the kernel still holds; none if reading is not permitted. Each read returns one. */
function readKernelLog(): string[] {
  const records: string[] = [];
  const buffer = Buffer.alloc(RECORD_BYTES);
  let descriptor: number;
  try {
    descriptor = openSync('/dev/kmsg', constants.O_RDONLY | constants.O_NONBLOCK);
  } catch {
    return records;
  }
  try {
    for (;;) {
      try {
        const length = readSync(descriptor, buffer);
        if (length === 0) return records;
        records.push(buffer.toString('utf8', 0, length));
      } catch (error) {
        // EPIPE: records were overwritten before they were read; the next read continues after them.
        if (errnoOf(error) !== 'EPIPE') return records;
      }
    }
  } finally {
    closeSync(descriptor);
  }
}

export type OomTime = Readonly<{
  /** `kills`: the count so far. Null if there were none, or if nothing gives notice (cgroup v1, no inotify). */
  first: (kills: number | null) => Promise<number | null>;
  close: () => void;
}>;

/**
 * A notice that has arrived is read in the next round of the event loop; the kernel sends at most one per file every 10
 * ms.
 */
const TIMEOUT_MS = 100;

export function watchOomTime({ version, memory }: Group, atMs: () => number): OomTime {
  const file = `${memory}/${v2.events}`;
  const { promise: noticed, resolve } = Promise.withResolvers<void>();
  let first: number | null = null;
  const onChange = (): void => {
    if ((parseKeyed(readOrNull(file) ?? '', 'oom_kill') ?? 0) === 0) return;
    first ??= atMs();
    resolve();
    watcher?.close();
  };
  const watcher = version === 1 ? null : openWatcher(file, onChange);
  return {
    first: async (kills) => {
      if (first === null && watcher !== null && (kills ?? 0) > 0) {
        const waiting = new AbortController();
        await Promise.race([noticed, sleep(TIMEOUT_MS, undefined, { signal: waiting.signal }).catch(() => {})]);
        waiting.abort();
      }
      return first;
    },
    close: () => watcher?.close(),
  };
}

/** Null if the user has reached the limit on inotify instances or watches. */
function openWatcher(file: string, onChange: () => void): FSWatcher | null {
  try {
    return watch(file, onChange).on('error', () => {});
  } catch {
    return null;
  }
}
