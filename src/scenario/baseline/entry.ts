/** Turns the results of a scenario's runs into its baseline entry. */

import type { Result } from '../../result/schema.ts';
import { callOf, errorOf, firstFailure, kernelOf } from '../../result/summary.ts';
import { limits as LIMITS, sampleOfResult } from '../../statistics/sample.ts';
import { spreadOf } from '../../statistics/spread.ts';
import type { BaselineEntry, BaselineFigure, Circumstances, Kinds, Numbers } from './types.ts';

/** More values would make a line that nobody reads. */
const MOST_VALUES = 25;

/** Null if no run has figures. */
export function entryOf(results: readonly Result[]): BaselineEntry | null {
  const [first] = results;
  if (first === undefined) return null;
  const samples = results.map(sampleOfResult);
  return {
    measuredOn: circumstancesOf(first),
    limits: Object.fromEntries(LIMITS.flatMap((key) => limitOf(first, key))),
    outcome: kindsOf(samples.map(({ outcome }) => outcome)),
    ends: kindsOf(samples.map(({ ends }) => ends)),
    firstFailing: kindsOf(results.map(firstFailing)),
    figures: figuresOf(results),
    processes: medianOf(results.map(({ pids }) => pids?.max ?? null)),
    parts: partsOf(results),
    steps: stepsOf(results),
  };
}

function limitOf({ spec }: Result, key: (typeof LIMITS)[number]): [string, number][] {
  const limit = spec.limits[key];
  return limit === null ? [] : [[key, limit]];
}

function circumstancesOf(result: Result): Circumstances {
  const { environment, enforcement, spec } = result;
  return {
    linux: kernelOf(result),
    cgroup: environment.cgroup ?? 'none',
    enforcement: enforcement.mode ?? 'none',
    aslr: environment.aslr,
    cpus: spec.cpus?.length ?? environment.cpus,
  };
}

/** Without its argument, which contains the names of private folders. */
function firstFailing(result: Result): string {
  const first = firstFailure(result);
  if (first === null) return 'none';
  return `${first.comm ?? '(name not read)'}: ${callOf(first)} (${errorOf(first)})`;
}

function figuresOf(results: readonly Result[]): Partial<Record<BaselineFigure, Numbers>> {
  const limited = (key: 'mem' | 'memsw' | 'kmemTcp') => results.some(({ spec }) => spec.limits[key] !== null);
  const read: Readonly<Record<BaselineFigure, (result: Result) => number | null>> = {
    kmem: ({ kmem }) => kmem.maxUsage,
    failcnt: ({ kmem }) => kmem.failcnt,
    mem: ({ mem }) => (limited('mem') || limited('memsw') ? mem.maxUsage : null),
    kmemTcp: ({ kmemTcp }) => (limited('kmemTcp') ? (kmemTcp?.maxUsage ?? null) : null),
  };
  const figures = Object.entries(read).map(([figure, of]) => [figure, thinned(known(results.map(of)))] as const);
  return Object.fromEntries(figures.filter(([, values]) => values.length > 0));
}

/** In order; of very many, only this number, including the first and last. */
function thinned(values: readonly number[]): number[] {
  const sorted = values.toSorted((a, b) => a - b);
  if (sorted.length <= MOST_VALUES) return sorted;
  const step = (sorted.length - 1) / (MOST_VALUES - 1);
  return Array.from({ length: MOST_VALUES }, (_, index) => sorted[Math.round(index * step)] ?? 0);
}

/** `sock` is not part of kernel memory; pages that no part counts are `other`. */
function partsOf(results: readonly Result[]): Record<string, number> | null {
  const all = results.map(({ kmem }) => {
    if (kmem.parts === null || kmem.maxUsage === null) return null;
    const { sock: _, ...parts } = kmem.parts;
    const sum = Object.values(parts).reduce((total, part) => total + part, 0);
    return { ...parts, other: Math.max(0, kmem.maxUsage - sum) } as Record<string, number>;
  });
  const names = new Set(all.flatMap((parts) => Object.keys(parts ?? {})));
  const medians = [...names].toSorted().map((name) => [name, medianOf(all.map((parts) => parts?.[name] ?? null)) ?? 0]);
  return medians.length === 0 ? null : Object.fromEntries(medians);
}

function stepsOf(results: readonly Result[]): BaselineEntry['steps'] {
  const most = Math.max(...results.map(({ steps }) => steps.length));
  return Array.from({ length: most }, (_, index) => {
    const kmem = medianOf(results.map(({ steps }) => steps[index]?.kmemMaxUsage ?? null));
    const name = results.find(({ steps }) => steps.length > index)?.steps[index]?.name;
    return kmem === null ? [] : [{ name: stepName(name ?? null, index), kmem }];
  }).flat();
}

export function stepName(name: string | null, index: number): string {
  return name ?? `step ${index}`;
}

function medianOf(values: readonly (number | null)[]): number | null {
  const spread = spreadOf(known(values));
  return spread === null ? null : Math.round(spread.median);
}

function known(values: readonly (number | null)[]): number[] {
  return values.filter((value) => value !== null);
}

/** Most frequent first. */
function kindsOf(kinds: readonly string[]): Kinds {
  const counts = [...Map.groupBy(kinds, (kind) => kind)].map(([kind, all]) => [kind, all.length] as const);
  return Object.fromEntries(counts.toSorted(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
}
