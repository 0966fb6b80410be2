/** What an experiment retains of a result: a few numbers, whereas the result itself may be a megabyte. */

import { passes } from '../result/passes.ts';
import type { Outcome, Result } from '../result/schema.ts';
import { callOf, firstFailure } from '../result/summary.ts';

export type Figures = Readonly<{
  /** Run id, for `kmem-run show`. */
  id: string;
  passed: boolean;
  outcome: Outcome;
  /** Highest kernel memory, bytes; null: could not be read. */
  peak: number | null;
  failcnt: number | null;
  /** Null: nothing ran. */
  wallMs: number | null;
  /** Absent from what an earlier version wrote. */
  hits?: Hits;
}>;

/** How often limits other than that of kernel memory were hit; null: not counted. */
export type Hits = Readonly<{ oomKills: number | null; pids: number | null; kmemTcp: number | null }>;

export type FailedCall = Readonly<{
  comm: string | null;
  syscall: string;
  errno: string | null;
  detail: string | null;
}>;

/** How often each call was the first to fail in its run. */
export type FirstCall = FailedCall & Readonly<{ runs: number }>;

export function figuresOf(result: Result): Figures {
  const { id, outcome, kmem, durations, mem, pids, kmemTcp } = result;
  return {
    ...{ id, passed: passes(result), outcome },
    ...{ peak: kmem.maxUsage, failcnt: kmem.failcnt, wallMs: durations.wallMs },
    hits: { oomKills: mem.oomKills, pids: pids?.failcnt ?? null, kmemTcp: kmemTcp?.failcnt ?? null },
  };
}

/** Null: none failed, or failures have no names in its mode. */
export function firstCallOf(result: Result): FailedCall | null {
  const first = firstFailure(result);
  if (first === null) return null;
  const { comm, errno, detail } = first;
  return { comm, syscall: callOf(first), errno, detail };
}

/** A program that fails in a different place each time must not fill memory with places. */
const MOST_CALLS = 100;

/**
 * Adds one call to the list. The detail is from the first run of its kind: paths often contain a number that differs.
 */
export function countCall(calls: readonly FirstCall[], call: FailedCall | null): readonly FirstCall[] {
  if (call === null) return calls;
  const isIt = ({ comm, syscall, errno }: FailedCall): boolean =>
    comm === call.comm && syscall === call.syscall && errno === call.errno;
  if (calls.some(isIt)) return calls.map((known) => (isIt(known) ? { ...known, runs: known.runs + 1 } : known));
  return calls.length < MOST_CALLS ? [...calls, { ...call, runs: 1 }] : calls;
}
