import type { AncestorLimit } from '../cgroup/limits.ts';
import type { Process } from '../cgroup/processes.ts';
import type { GroupReading, Layout } from '../cgroup/types.ts';
import type { SetupError } from '../errors.ts';
import type { GateSummary } from '../gate/summary.ts';
import type { Limits, RunSpec } from '../request/run-spec.ts';
import type { Result } from './schema.ts';

/** Facts that a run collects, piece by piece; null or empty if it did not get that far. */
export type Facts = {
  readonly id: string;
  readonly startedAt: string;
  readonly spec: RunSpec;
  error: SetupError | null;
  terminationReason: Result['terminationReason'];
  mode: Result['enforcement']['mode'];
  /** Of mode `kernel`; otherwise null. */
  granularity: 'allocation' | 'object' | null;
  /** Mode `native` by our module. */
  byModule: boolean;
  layout: Layout;
  /** From the start. */
  limits: Limits | null;
  /** In force now: steps may change them. */
  limitsNow: Limits | null;
  kmemLimit: KmemLimit;
  /** Of the earlier kmem limits; null: none. */
  earlierOvershoot: Readonly<{ bytes: number | null }> | null;
  ancestors: readonly AncestorLimit[];
  reading: GroupReading | null;
  cpu: { userMs: number; systemMs: number } | null;
  summary: GateSummary | null;
  /** The gate required no_new_privs. */
  noNewPrivs: boolean;
  /** The counter did not move while a task was in the group: kernel memory is not accounted. */
  unaccounted: boolean;
  escaped: number;
  /** What the gate observed that readers should know, one sentence each. */
  notices: readonly string[];
  /** Milliseconds for which usage stayed above the kmem limit with no call to deny. */
  overrunMs: number;
  /** Time of the OOM killer's first kill in the group. */
  oomKillAtMs: number | null;
  /** The OOM killer's victims outside the group, one sentence each. */
  oomKillsOutside: readonly string[];
  wallMs: number | null;
  steps: Result['steps'][number][];
  failures: Result['failures'];
  failureCounts: Result['failureCounts'];
  injections: Result['injections'];
  crashes: Result['crashes'];
  escapes: Result['escapes'];
  leftover: readonly Process[];
  /** Orphaned processes that ended with a status other than 0. */
  orphans: Result['orphans'];
  /** The rule that ended the run, and why; null: it did not get that far. */
  ending: Result['ending'];
  samples: Result['samples'];
  profile: Result['profile'];
  throttled: { before: number | null; after: number | null };
};

export function emptyFacts(id: string, spec: RunSpec): Facts {
  return {
    id,
    startedAt: new Date().toISOString(),
    spec,
    error: null,
    terminationReason: null,
    mode: null,
    granularity: null,
    byModule: false,
    layout: 'none',
    limits: null,
    limitsNow: null,
    kmemLimit: { limit: null, usageWhenSet: null },
    earlierOvershoot: null,
    ancestors: [],
    reading: null,
    cpu: null,
    summary: null,
    noNewPrivs: false,
    unaccounted: false,
    escaped: 0,
    notices: [],
    overrunMs: 0,
    oomKillAtMs: null,
    oomKillsOutside: [],
    wallMs: null,
    steps: [],
    failures: [],
    failureCounts: [],
    injections: spec.inject.length === 0 ? [] : null,
    crashes: null,
    escapes: null,
    leftover: [],
    orphans: [],
    ending: null,
    samples: [],
    profile: null,
    throttled: { before: null, after: null },
  };
}

/** The counter never moved: kernel memory is not accounted. */
export function isUnaccounted({ unaccounted, summary }: Pick<Facts, 'unaccounted' | 'summary'>): boolean {
  return unaccounted && (summary?.peakSeen ?? 0) === 0;
}

/**
 * A kmem limit that was in force. `usageWhenSet`: the group's usage at that time; null: nothing, the limit applied from
 * the start.
 */
export type KmemLimit = Readonly<{ limit: number | null; usageWhenSet: number | null }>;
