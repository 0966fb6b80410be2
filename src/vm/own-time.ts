/** A clock that stops while a process waits for a CPU: it makes deadlines fair on a loaded machine. */

import { readdirSync, readFileSync } from 'node:fs';

/** If two readings are further apart, we were stopped or the machine slept. */
const LONGEST_STEP_MS = 1000;

/**
 * Milliseconds of the process's own time since this call; must be read several times a second. Time in which it (its
 * longest-waiting thread) was ready but not running is excluded.
 */
export function startOwnTime(pid: number): () => number {
  const waits = new Map<string, number>();
  let lookedAt = performance.now();
  let total = 0;
  return () => {
    const now = performance.now();
    const step = Math.min(now - lookedAt, LONGEST_STEP_MS);
    lookedAt = now;
    total += Math.max(0, step - longestWait(pid, waits));
    return total;
  };
}

/** Since the last reading; 0 if the kernel does not report it. */
function longestWait(pid: number, waits: Map<string, number>): number {
  let longest = 0;
  for (const thread of list(`/proc/${pid}/task`)) {
    // sched-stats.rst: time on a CPU, time on a run queue, in nanoseconds.
    const waitedMs = Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(' ')[1] ?? 0) / 1e6;
    longest = Math.max(longest, waitedMs - (waits.get(thread) ?? 0));
    waits.set(thread, waitedMs);
  }
  return longest;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
