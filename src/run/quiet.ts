/** Whether a group is still active after its last step has exited. */

import { setTimeout as sleep } from 'node:timers/promises';
import { processesNow } from '../cgroup/processes.ts';
import type { Group } from '../cgroup/types.ts';

export type Quiet = 'empty' | 'quiet' | 'limit';

export type QuietOptions = Readonly<{
  /** Milliseconds without a change. */
  quietForMs: number;
  /** Milliseconds after which waiting is given up; Infinity: never. */
  limitMs: number;
  /** The helper's counts so far; null if the helper is gone. */
  counts: () => Promise<Activity | null>;
  /** True if looking any longer is pointless. */
  isOver: () => boolean;
}>;

export type Activity = Readonly<{ denials: number; maxUsage: number | null }>;

/** The first looks are close together: most groups are empty at once. */
const FIRST_LOOK_MS = 1;
const LOOK_EVERY_MS = 20;

/**
 * Resolves when the group is empty, when for `quietForMs` no process has started or exited, no call was denied and no
 * new peak was reached, or at the limit. Null if it ended for another reason. A process that comes and goes between two
 * looks is noticed only through its denials or a new peak.
 */
export async function untilQuiet(group: Group, options: QuietOptions): Promise<Quiet | null> {
  const { quietForMs, limitMs, counts, isOver } = options;
  const from = performance.now();
  let changedAt = from;
  let before: string | null = null;
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(LOOK_EVERY_MS, pause * 2)) {
    if (isOver()) return null;
    const pids = processesNow(group);
    if (pids?.length === 0) return 'empty';
    const counted = await counts();
    if (counted === null) return null;
    const state = JSON.stringify([pids?.toSorted((a, b) => a - b), counted.denials, counted.maxUsage]);
    const now = performance.now();
    if (state !== before) changedAt = now;
    before = state;
    if (now - changedAt >= quietForMs) return 'quiet';
    if (now - from >= limitMs) return 'limit';
    await sleep(pause);
  }
}
