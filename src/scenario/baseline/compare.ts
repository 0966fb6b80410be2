import type { Result } from '../../result/schema.ts';
import { judgeKinds } from '../../statistics/compare.ts';
import { ENOUGH_RUNS, judge, spreadOf, type Verdict } from '../../statistics/spread.ts';
import type { BaselineChange } from '../report.ts';
import {
  type BaselineEntry,
  type BaselineFigure,
  type BaselineSettings,
  type Circumstances,
  FIGURES,
  type Kinds,
  slackOf,
} from './types.ts';
import { circumstanceText, figureText, kindText } from './words.ts';

export type Compared = Readonly<{
  changes: readonly BaselineChange[];
  /** What distorts the comparison, one sentence each. */
  warnings: readonly string[];
  /** Something is worse, and more runs would show whether that is chance. */
  isUnsure: boolean;
}>;

/** With fewer runs a baseline says nothing about the spread, and the tolerance alone decides. */
const FEWEST_RUNS = 3;

export function compareEntries(
  before: BaselineEntry,
  now: BaselineEntry,
  { tolerance }: Pick<BaselineSettings, 'tolerance'>,
  results: readonly Result[],
): Compared {
  const figures = FIGURES.map((figure) => compareFigure(before, now, figure, tolerance, results));
  const kinds = (['outcome', 'ends', 'firstFailing'] as const).map((key) => compareKinds(key, before[key], now[key]));
  return {
    changes: [...figures, ...kinds].flatMap((each) => each?.change ?? []),
    warnings: warningsOf(before, now),
    isUnsure: figures.some((each) => each?.isUnsure ?? false),
  };
}

type One = Readonly<{ change: BaselineChange | null; isUnsure: boolean }>;

function compareFigure(
  before: BaselineEntry,
  now: BaselineEntry,
  figure: BaselineFigure,
  tolerance: BaselineSettings['tolerance'],
  results: readonly Result[],
): One | null {
  const [old, own] = [before.figures[figure] ?? [], now.figures[figure] ?? []];
  const [a, b] = [spreadOf(old), spreadOf(own)];
  if (a === null || b === null) return null;
  const difference = b.median - a.median;
  if (Math.abs(difference) <= slackOf(tolerance[figure], a.median)) return null;
  const judged = judge(old, own);
  if (judged === 'same' || judged === 'within-spread') return null;
  const text = figureText({ figure, before, now, tolerance, a, b, results });
  const verdict = difference < 0 ? 'better' : worse(judged, a.runs, b.runs);
  const isUnsure = verdict === 'unsure';
  return { change: { key: figure, verdict: isUnsure ? 'other' : verdict, before: a, now: b, text }, isUnsure };
}

/** `other`: reported, but no reason to fail. */
function worse(judged: Verdict, before: number, now: number): 'worse' | 'other' | 'unsure' {
  if (judged === 'different') return 'worse';
  if (now < ENOUGH_RUNS) return 'unsure';
  return before < FEWEST_RUNS ? 'worse' : 'other';
}

/** An end or a first failure that is new is reported; only a new outcome fails. */
function compareKinds(key: 'outcome' | 'ends' | 'firstFailing', before: Kinds, now: Kinds): One | null {
  if (judgeKinds(listOf(before), listOf(now)) !== 'different') return null;
  const verdict = key === 'outcome' ? 'worse' : 'other';
  return { change: { key, verdict, before, now, text: kindText(key, before, now) }, isUnsure: false };
}

function listOf(kinds: Kinds): string[] {
  return Object.entries(kinds).flatMap(([kind, count]) => new Array<string>(count).fill(kind));
}

function warningsOf(before: BaselineEntry, now: BaselineEntry): string[] {
  const keys = Object.keys(now.measuredOn) as (keyof Circumstances)[];
  const circumstances = keys
    .filter((key) => before.measuredOn[key] !== now.measuredOn[key])
    .map((key) => circumstanceText(key, before.measuredOn[key], now.measuredOn[key]));
  const [old, own] = [before.limits, now.limits].map(limitsText);
  return old === own ? circumstances : [...circumstances, `the baseline was measured with limits ${old}, now ${own}`];
}

function limitsText(limits: BaselineEntry['limits']): string {
  return (
    Object.entries(limits)
      .map(([key, limit]) => `${key} ${limit}`)
      .join(', ') || 'none'
  );
}

/** Whether the baseline already covers these runs: if so, it is not rewritten, and the file has no noise. */
export function covers(before: BaselineEntry, now: BaselineEntry): boolean {
  const figures = FIGURES.every((figure) => {
    const [a, b] = [spreadOf(before.figures[figure] ?? []), spreadOf(now.figures[figure] ?? [])];
    return a === null || b === null ? a === b : a.min <= b.min && b.max <= a.max && a.runs >= b.runs;
  });
  const kinds = (['outcome', 'ends', 'firstFailing'] as const).every((key) =>
    Object.keys(now[key]).every((kind) => Object.hasOwn(before[key], kind)),
  );
  return figures && kinds && warningsOf(before, now).length === 0;
}
