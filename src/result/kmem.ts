import type { GateSummary } from '../gate/protocol.ts';
import type { Facts } from './assemble.ts';
import type { Result } from './schema.ts';

type Kmem = Result['kmem'];

/** The counter never moved: kernel memory is not accounted. */
export function isUnaccounted({ unaccounted, summary }: Pick<Facts, 'unaccounted' | 'summary'>): boolean {
  return unaccounted && (summary?.peakSeen ?? 0) === 0;
}

/** A kmem limit that was in force. `usageWhenSet`: what the group had already; null: nothing, it was there from the start. */
export type KmemLimit = Readonly<{ limit: number | null; usageWhenSet: number | null }>;

export function kmemOf(facts: Facts): Kmem {
  const { reading, summary, mode } = facts;
  const counter = isUnaccounted(facts) ? null : (reading?.kmem ?? null);
  const peak = isUnaccounted(facts) ? NO_PEAK : (countedPeak(facts) ?? seenPeak(facts));
  return {
    ...peak,
    usage: counter?.usage ?? null,
    failcnt: mode === 'gate' ? (summary?.denials ?? null) : (counter?.failcnt ?? null),
    overshoot: peak.maxUsage === null ? null : overshootOf(facts, peak.maxUsage),
    parts: peak.maxUsage === null || summary === null ? null : partsOf(summary),
  };
}

/** Against the limit that was in force at the time. */
function overshootOf(facts: Facts, maxUsage: number): number | null {
  const { earlierOvershoot, kmemLimit, reading, summary } = facts;
  if (earlierOvershoot === null) return beyond(kmemLimit, maxUsage);
  const last = highest(summary?.limitMax ?? null, reading?.kmem.maxUsage ?? null);
  return highest(earlierOvershoot.bytes, beyond(kmemLimit, last));
}

/** The kmem limit is another one from now on. `maxUsage`: the highest under the one before. */
export function bookOvershoot(facts: Facts, now: KmemLimit, maxUsage: number | null): void {
  const bytes = highest(facts.earlierOvershoot?.bytes ?? null, beyond(facts.kmemLimit, maxUsage));
  facts.earlierOvershoot = { bytes };
  facts.kmemLimit = now;
}

/** What was there before the limit was set is none of its: below that, nobody can tell what came before and what after. */
function beyond({ limit, usageWhenSet }: KmemLimit, maxUsage: number | null): number | null {
  if (limit === null || maxUsage === null) return null;
  return Math.max(0, maxUsage - Math.max(limit, usageWhenSet ?? 0));
}

type Peak = Pick<Kmem, 'maxUsage' | 'maxUsageSource' | 'uncertainty'>;

const NO_PEAK: Peak = { maxUsage: null, maxUsageSource: null, uncertainty: null };

/** Null where the kernel keeps no highest usage. */
function countedPeak({ reading, summary }: Facts): Peak | null {
  // The high-water mark is reset when a step begins, so the run's is the highest of all readings.
  const maxUsage = highest(reading?.kmem.maxUsage ?? null, summary?.lag == null ? (summary?.maxUsage ?? null) : null);
  return maxUsage === null ? null : { maxUsage, maxUsageSource: 'counter', uncertainty: 0 };
}

function seenPeak({ reading, summary, samples, mode }: Facts): Peak {
  const sampled = samples.map(({ kmem }) => kmem);
  const maxUsage = highest(summary?.maxUsage ?? null, reading?.kmem.usage ?? null, ...sampled);
  if (maxUsage === null) return NO_PEAK;
  if (mode !== 'gate' || summary?.lag == null) return { maxUsage, maxUsageSource: 'samples', uncertainty: null };
  return { maxUsage, maxUsageSource: 'gate', uncertainty: summary.lag + (summary.largestRise ?? 0) };
}

const PARTS = ['slab', 'kernel_stack', 'pagetables', 'percpu', 'vmalloc', 'sock'] as const;

/** Of the helper's highest reading. */
function partsOf(summary: GateSummary): Kmem['parts'] {
  const told = PARTS.flatMap((part): [string, number][] => {
    const bytes = summary[part];
    return bytes === null ? [] : [[part, bytes]];
  });
  return told.length === 0 ? null : Object.fromEntries(told);
}

function highest(...values: (number | null)[]): number | null {
  const known = values.filter((value) => value !== null);
  return known.length === 0 ? null : Math.max(...known);
}
