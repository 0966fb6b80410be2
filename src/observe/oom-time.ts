/** When the OOM killer first killed in the group: the kernel gives notice of memory.events on cgroup v2, and is not polled. */

import { type FSWatcher, watch } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseKeyed, readOrNull, v2 } from '../cgroup/files.ts';
import type { Group } from '../cgroup/types.ts';

export type OomTime = Readonly<{
  /** `kills`: as counted by now. Null: none, or nothing gives notice (cgroup v1, no inotify to be had). */
  first: (kills: number | null) => Promise<number | null>;
  close: () => void;
}>;

/** A notice that came is read in the next round of the event loop; the kernel gives one of a file every 10 ms at most. */
const PATIENCE_MS = 100;

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
        const patience = new AbortController();
        await Promise.race([noticed, sleep(PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => {})]);
        patience.abort();
      }
      return first;
    },
    close: () => watcher?.close(),
  };
}

/** Null where the user has as many inotify instances or watches as are allowed. */
function openWatcher(file: string, onChange: () => void): FSWatcher | null {
  try {
    return watch(file, onChange).on('error', () => {});
  } catch {
    return null;
  }
}
