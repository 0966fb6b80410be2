import type { GateSummary } from '../gate/protocol.ts';
import type { Facts } from './assemble.ts';
import type { Result } from './schema.ts';

type Kmem = Result['kmem'];

/** The counter never moved: kernel memory is not accounted. */
export function isUnaccounted({ unaccounted, summary }: Pick<Facts, 'unaccounted' | 'summary'>): boolean {
  return unaccounted && (summary?.peakSeen ?? 0) === 0;
}

export function kmemOf(facts: Facts, limit: number | null): Kmem {
  const { reading, summary, mode } = facts;
  const counter = isUnaccounted(facts) ? null : (reading?.kmem ?? null);
  const peak = isUnaccounted(facts) ? NO_PEAK : (countedPeak(facts) ?? seenPeak(facts));
  return {
    ...peak,
    usage: counter?.usage ?? null,
    failcnt: mode === 'gate' ? (summary?.denials ?? null) : (counter?.failcnt ?? null),
    overshoot: limit === null || peak.maxUsage === null ? null : Math.max(0, peak.maxUsage - limit),
    parts: peak.maxUsage === null || summary === null ? null : partsOf(summary),
  };
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
