/** Simulated programs: runners that return the result of a real one, at once and without a kernel. */

import type { Runner } from '../../src/experiment/driver.ts';
import type { RunSpec } from '../../src/request/run-spec.ts';
import type { Result } from '../../src/result/schema.ts';
import { failure, result } from '../fixtures/results.ts';

let made = 0;

/** The result of a run of `spec`; a failed one was denied an mmap. */
export function resultOf(spec: RunSpec, passed: boolean, peak = 1_000_000): Result {
  made += 1;
  const { kmem } = spec.limits;
  return {
    ...result({
      id: `run${String(made).padStart(9, '0')}`,
      outcome: passed ? 'passed' : 'failed',
      limits: { kmem },
      kmem: { maxUsage: kmem === null ? peak : Math.min(peak, kmem), failcnt: passed ? 0 : 3 },
      failures: passed ? [] : [failure()],
      failureCounts: passed ? [] : [{ comm: 'apache2', syscall: 'mmap', errno: 'ENOMEM', count: 3 }],
    }),
    spec,
  };
}

/** Passes from `limit` bytes on, and without one. */
export function program(passes: (kmem: number | null) => boolean, peak = 1_000_000): Runner {
  return async (spec) => resultOf(spec, passes(spec.limits.kmem), peak);
}

export const neverAborted: AbortSignal = new AbortController().signal;

/** Options of a driver that prepares nothing, saves nothing, notifies nobody and is never stopped. */
export const unwatched = {
  prepare: null,
  keep: () => {},
  onStart: () => {},
  onEnd: () => {},
  signal: neverAborted,
  kill: neverAborted,
} as const;
