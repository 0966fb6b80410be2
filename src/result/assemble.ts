import type { GateSummary } from '../gate/summary.ts';
import { DEFAULT_RESERVE } from '../gate/syscalls.ts';
import { asksFor, type Limits } from '../request/run-spec.ts';
import { readEnvironment } from './environment.ts';
import { type Facts, isUnaccounted, type KmemLimit } from './facts.ts';
import { measurementWarnings, notesOf } from './notes.ts';
import type { Result } from './schema.ts';

const unset: Limits = { kmem: null, mem: null, memsw: null, kmemTcp: null, pids: null };

/** The record without its verdict: `outcome` and `expectations` are decided from it. */
export function assemble(facts: Facts): Omit<Result, 'outcome' | 'expectations'> {
  const { spec, error, summary, reading } = facts;
  const limits = { ...unset, ...facts.limits, ancestors: facts.ancestors };
  const programs = summary === null ? null : programsOf(summary, spec);
  const kmem = kmemOf(facts);
  const environment = readEnvironment({ layout: facts.layout, aslr: spec.aslr, cold: null });
  return {
    schemaVersion: 1,
    id: facts.id,
    startedAt: facts.startedAt,
    spec,
    terminationReason: facts.terminationReason,
    error: error === null ? null : { code: error.code, message: error.message, hint: error.hint },
    exit: facts.steps[0]?.exit ?? { code: null, signal: null },
    durations: { wallMs: facts.wallMs, userMs: facts.cpu?.userMs ?? null, systemMs: facts.cpu?.systemMs ?? null },
    limits,
    kmem,
    mem: {
      maxUsage: reading?.mem.maxUsage ?? null,
      usage: reading?.mem.usage ?? null,
      failcnt: reading?.mem.failcnt ?? null,
      oomKills: reading?.mem.oomKills ?? null,
      oomKillAtMs: facts.oomKillAtMs,
    },
    memsw: reading?.memsw ?? null,
    kmemTcp: reading?.kmemTcp ?? null,
    pids: reading?.pids ? { max: reading.pids.max, failcnt: reading.pids.failcnt } : null,
    enforcement: {
      mode: facts.mode,
      granularity: facts.granularity ?? (facts.mode === null ? null : GRANULARITY[facts.mode]),
      reserve: hasGate(facts) ? (spec.reserve ?? DEFAULT_RESERVE) : null,
      gatedCalls: hasGate(facts) ? (summary?.gatedCalls ?? null) : null,
      reclaims: hasGate(facts) ? (summary?.reclaims ?? null) : null,
      rcuWaits: rcuWaitsOf(facts),
      interrupted: hasGate(facts) ? (summary?.interrupted ?? null) : null,
      failuresDropped: summary?.failuresDropped ?? null,
      failuresUncounted: summary?.uncounted ?? null,
      programs,
      allocations: allocationsOf(facts),
      notes: notesOf(facts, programs, kmem),
      vm: null,
    },
    failures: facts.failures,
    failureCounts: facts.failureCounts,
    injections: facts.injections,
    crashes: facts.crashes,
    escapes: facts.escapes,
    steps: facts.steps,
    leftover: facts.leftover,
    orphans: facts.orphans,
    ending: facts.ending,
    samples: facts.samples,
    profile: facts.profile,
    warnings: [...measurementWarnings({ limits, environment, throttled: facts.throttled }), ...facts.oomKillsOutside],
    environment,
  };
}

const GRANULARITY = { gate: 'syscall', kernel: null, native: 'charge', none: null } as const;

function allocationsOf({ mode, summary }: Facts): Result['enforcement']['allocations'] {
  if (mode !== 'kernel' || summary === null) return null;
  const { refusedObjects = 0, refusedPages = 0, mustNotFail = 0, atomic = 0, remote = 0, callsHandled = 0 } = summary;
  return { objects: refusedObjects, pages: refusedPages, mustNotFail, atomic, remote, handled: callsHandled };
}

type Kmem = Result['kmem'];

export function kmemOf(facts: Facts): Kmem {
  const { reading, summary } = facts;
  const counter = isUnaccounted(facts) ? null : (reading?.kmem ?? null);
  const peak = isUnaccounted(facts) ? NO_PEAK : (countedPeak(facts) ?? seenPeak(facts));
  return {
    ...peak,
    usage: counter?.usage ?? null,
    failcnt: failcntOf(facts),
    overshoot: peak.maxUsage === null ? null : overshootOf(facts, peak.maxUsage),
    parts: peak.maxUsage === null || summary === null ? null : partsOf(summary),
  };
}

/**
 * The kernel's counter stays 0 under `--enforce none`, since no limit is set: that would read as if no denial had been
 * needed.
 */
function failcntOf({ mode, spec, summary, reading, unaccounted }: Facts): number | null {
  if (mode === 'gate' || mode === 'kernel') return summary?.denials ?? null;
  if (spec.enforce === 'none' || isUnaccounted({ unaccounted, summary })) return null;
  return reading?.kmem.failcnt ?? null;
}

/** Relative to the limit in force at the time. */
function overshootOf(facts: Facts, maxUsage: number): number | null {
  const { earlierOvershoot, kmemLimit, reading, summary } = facts;
  if (earlierOvershoot === null) return beyond(kmemLimit, maxUsage);
  const last = highest(summary?.limitMax ?? null, reading?.kmem.maxUsage ?? null);
  return highest(earlierOvershoot.bytes, beyond(kmemLimit, last));
}

/** The kmem limit changes now. `maxUsage`: the highest usage under the previous limit. */
export function bookOvershoot(facts: Facts, now: KmemLimit, maxUsage: number | null): void {
  const bytes = highest(facts.earlierOvershoot?.bytes ?? null, beyond(facts.kmemLimit, maxUsage));
  facts.earlierOvershoot = { bytes };
  facts.kmemLimit = now;
}

/**
 * Usage from before the limit was set is not overshoot: below that level, nobody can tell what came before or after.
 */
function beyond({ limit, usageWhenSet }: KmemLimit, maxUsage: number | null): number | null {
  if (limit === null || maxUsage === null) return null;
  return Math.max(0, maxUsage - Math.max(limit, usageWhenSet ?? 0));
}

/** Wholly, or for the calls that no BPF program covers. */
function hasGate({ mode, granularity }: Pick<Facts, 'mode' | 'granularity'>): boolean {
  return mode === 'gate' || granularity === 'object';
}

function rcuWaitsOf(facts: Facts): Result['enforcement']['rcuWaits'] {
  const { summary, spec } = facts;
  if (!hasGate(facts) || summary === null || !spec.rcuWait || !asksFor(spec, 'kmem')) return null;
  return { count: summary.rcuWaits, waitedMs: summary.rcuWaitedNs / 1e6 };
}

function programsOf(summary: GateSummary, { onFault }: Result['spec']): Result['enforcement']['programs'] {
  const { faultPages, faultBytes, movesWatched, watchLost, watchMissed } = summary;
  const faults = faultPages === null ? null : onFault;
  return { faults, faultPages, faultBytes, moves: movesWatched === 1, lost: watchLost, missed: watchMissed };
}

type Peak = Pick<Kmem, 'maxUsage' | 'maxUsageSource' | 'uncertainty'>;

const NO_PEAK: Peak = { maxUsage: null, maxUsageSource: null, uncertainty: null };

/** Null if the kernel records no highest usage. */
function countedPeak({ reading, summary }: Facts): Peak | null {
  // The high-water mark is reset when a step begins, so the run's is the highest of all readings.
  const maxUsage = highest(reading?.kmem.maxUsage ?? null, summary?.lag == null ? (summary?.maxUsage ?? null) : null);
  return maxUsage === null ? null : { maxUsage, maxUsageSource: 'counter', uncertainty: 0 };
}

function seenPeak({ reading, summary, samples, mode }: Facts): Peak {
  const sampled = samples.map(({ kmem }) => kmem);
  const maxUsage = highest(summary?.maxUsage ?? null, reading?.kmem.usage ?? null, ...sampled);
  if (maxUsage === null) return NO_PEAK;
  if (summary?.summed === 1) return { maxUsage, maxUsageSource: 'sum', uncertainty: 0 };
  if (mode !== 'gate' || summary?.lag == null) return { maxUsage, maxUsageSource: 'samples', uncertainty: null };
  return { maxUsage, maxUsageSource: 'gate', uncertainty: summary.lag + (summary.largestRise ?? 0) };
}

const PARTS = ['slab', 'kernel_stack', 'pagetables', 'percpu', 'vmalloc', 'sock'] as const;

/** At the helper's highest reading. */
function partsOf(summary: GateSummary): Kmem['parts'] {
  const known = PARTS.flatMap((part): [string, number][] => {
    const bytes = summary[part];
    return bytes === null ? [] : [[part, bytes]];
  });
  return known.length === 0 ? null : Object.fromEntries(known);
}

function highest(...values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
