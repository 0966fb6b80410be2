/** A difference from a baseline, as a sentence: `kmem peak +14 % (2.5 → 2.9 MiB), from page tables`. */

import { formatSize, groupDigits } from '../../request/size.ts';
import type { Result } from '../../result/schema.ts';
import { sampleOfResult } from '../../statistics/sample.ts';
import type { Spread } from '../../statistics/spread.ts';
import { counted } from '../../text/figures.ts';
import { stepName } from './entry.ts';
import type { BaselineEntry, BaselineFigure, BaselineSettings, Circumstances, Kinds } from './types.ts';
import { slackOf } from './types.ts';

const NAMES: Readonly<Record<BaselineFigure | 'outcome' | 'ends' | 'firstFailing', string>> = {
  kmem: 'kmem peak',
  failcnt: 'failcnt',
  mem: 'memory peak',
  kmemTcp: 'peak of TCP buffers',
  outcome: 'outcome',
  ends: 'ends of the steps',
  firstFailing: 'first failing call',
};

type EntryFacts = Readonly<{
  figure: BaselineFigure;
  before: BaselineEntry;
  now: BaselineEntry;
  tolerance: BaselineSettings['tolerance'];
  a: Spread;
  b: Spread;
  results: readonly Result[];
}>;

export function figureText(facts: EntryFacts): string {
  const { figure, a, b } = facts;
  const share = a.median === 0 ? '' : `${changeText(b.median / a.median - 1)} `;
  const evidence = evidenceFor(facts).map((text) => `, ${text}`);
  const values = `${valuesText(figure, a.median, b.median)}`;
  return `${NAMES[figure]} ${share === '' ? values : `${share}(${values})`}${evidence.join('')}`;
}

/** `+14 %`, `−3.5 %`. */
function changeText(share: number): string {
  const percent = Math.abs(share) * 100;
  const digits = percent < 10 ? Math.round(percent * 10) / 10 : Math.round(percent);
  return `${share < 0 ? '−' : '+'}${groupDigits(digits)} %`;
}

/** `2.5 → 2.9 MiB`: the unit only once if it is the same. */
function valuesText(figure: BaselineFigure, before: number, now: number): string {
  if (figure === 'failcnt') return `${groupDigits(before)} → ${groupDigits(now)}`;
  const [first, second] = [formatSize(before), formatSize(now)];
  const unit = second.slice(second.indexOf(' '));
  return `${first.endsWith(unit) ? first.slice(0, -unit.length) : first} → ${second}`;
}

/** Only what was measured: without evidence it returns nothing. */
function evidenceFor(facts: EntryFacts): string[] {
  const { figure, a, b, results } = facts;
  if (figure === 'failcnt') return b.median > a.median ? mostFailing(results) : [];
  if (figure !== 'kmem') return [];
  return [...partsBehind(facts), ...stepBehind(facts), ...(b.median > a.median ? processesBehind(facts) : [])];
}

const PARTS: Readonly<Record<string, string>> = {
  pagetables: 'page tables',
  sec_pagetables: 'page tables of virtual machines',
  kernel_stack: 'kernel stacks',
  slab: 'slab objects',
  percpu: 'per-CPU data',
  vmalloc: 'vmalloc areas',
  other: 'other pages, such as those of pipes',
};
const MOST_PARTS = 2;
/** Share of the whole change that parts must explain to be named. */
const EXPLAINED = 0.75;

function partsBehind({ before, now, a, b }: EntryFacts): string[] {
  if (before.parts === null || now.parts === null) return [];
  const whole = b.median - a.median;
  const names = new Set([...Object.keys(before.parts), ...Object.keys(now.parts)]);
  const shares = [...names]
    .map((name) => ({ name, share: ((now.parts?.[name] ?? 0) - (before.parts?.[name] ?? 0)) / whole }))
    .toSorted((x, y) => y.share - x.share);
  const named: string[] = [];
  let explained = 0;
  for (const { name, share } of shares.slice(0, MOST_PARTS)) {
    named.push(PARTS[name] ?? name);
    explained += share;
    if (explained >= EXPLAINED) return [`from ${named.join(' and ')}`];
  }
  return [];
}

/** The first step whose own peak rose or fell by most of the whole change. */
function stepBehind(facts: EntryFacts): string[] {
  const { before, now, a, b, tolerance, results } = facts;
  if ((results[0]?.steps.length ?? 0) < 2) return [];
  const whole = b.median - a.median;
  const least = Math.max(EXPLAINED * Math.abs(whole), slackOf(tolerance.kmem, a.median));
  const step = now.steps.find(({ name, kmem }, index) => {
    const old = before.steps[index]?.name === name ? before.steps[index] : undefined;
    return old !== undefined && Math.sign(whole) * (kmem - old.kmem) >= least;
  });
  return step === undefined ? stretchBehind(facts) : [`at step "${step.name}"`];
}

/** Only steps that run programs in the group have their own peak: a peak that none of them reached was between them. */
function stretchBehind({ before, now, a, b, tolerance, results }: EntryFacts): string[] {
  const measured = Math.max(...now.steps.map(({ kmem }) => kmem));
  if (b.median < a.median || b.median - measured <= slackOf(tolerance.kmem, a.median)) return [];
  if (before.steps.length !== now.steps.length) return [];
  const steps = results[0]?.steps ?? [];
  const unmeasured = steps.flatMap(({ kmemMaxUsage }, index) => (kmemMaxUsage === null ? [index] : []));
  const [first, last] = [unmeasured[0], unmeasured.at(-1)];
  // With programs in between, the stretch is ambiguous.
  if (first === undefined || last === undefined || last - first + 1 !== unmeasured.length) return [];
  const named = (index: number) => `"${stepName(steps[index]?.name ?? null, index)}"`;
  return first === last ? [`at step ${named(first)}`] : [`between step ${named(first)} and step ${named(last)}`];
}

function processesBehind({ before, now }: EntryFacts): string[] {
  const [old, own] = [before.processes, now.processes];
  return old === null || own === null || own <= old ? [] : [`with ${own} processes and threads at a time, not ${old}`];
}

function mostFailing(results: readonly Result[]): string[] {
  const counts = new Map<string, number>();
  for (const { calls } of results.map(sampleOfResult))
    for (const [call, count] of calls) counts.set(call, (counts.get(call) ?? 0) + count);
  const [most] = [...counts].toSorted(([, x], [, y]) => y - x);
  return most === undefined ? [] : [`most often ${most[0]}`];
}

export function kindText(key: 'outcome' | 'ends' | 'firstFailing', before: Kinds, now: Kinds): string {
  return `${NAMES[key]}: ${kindsText(before)} → ${kindsText(now)}`;
}

function kindsText(kinds: Kinds): string {
  return Object.keys(kinds).slice(0, 3).join(' or ');
}

export function circumstanceText(
  key: keyof Circumstances,
  before: string | boolean | number,
  now: string | boolean | number,
): string {
  const what = {
    linux: ['on Linux ', ''],
    cgroup: ['with cgroup ', ''],
    enforcement: ['with enforcement ', ''],
    aslr: ['with address-space randomisation ', ''],
    cpus: ['on ', ' CPUs'],
  } as const;
  const [head, tail] = what[key];
  const word = (value: string | boolean | number) => (typeof value === 'boolean' ? (value ? 'on' : 'off') : value);
  return `the baseline was measured ${head}${word(before)}${tail}, now ${word(now)}`;
}

/** `kmem: 2,621,440 to 2,625,536 in 5 runs`. */
export function spreadText({ runs, min, max }: Spread): string {
  const range = min === max ? groupDigits(min) : `${groupDigits(min)} to ${groupDigits(max)}`;
  return `${range} in ${counted(runs, 'run')}`;
}
