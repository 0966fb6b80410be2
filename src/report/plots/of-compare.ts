import { kebab } from '../../request/run-input.ts';
import type { Result } from '../../result/schema.ts';
import type { ComparedSide } from '../../scenario/documents.ts';
import type { Comparison } from '../../statistics/compare.ts';
import type { ComparedRun, ComparisonPlot } from './comparison.ts';
import { failureText } from './failure.ts';
import { timelineData } from './parts-of-kmem.ts';
import type { SurvivalPlot } from './survival.ts';

/** The run with the median peak of each side. Null if a side has no run that can be drawn. */
export function overlayOf(a: ComparedSide, b: ComparedSide, id: string): ComparisonPlot | null {
  const [first, second] = [middleOf(a.results), middleOf(b.results)];
  if (first === null || second === null) return null;
  const of = (side: ComparedSide) => (side.results.length > 1 ? ', for each side of the run with the median peak' : '');
  return {
    kind: 'comparison',
    id,
    title: 'Kernel memory of A and B over time',
    about: `Kernel memory of A (${a.name}, a solid line) and of B (${b.name}, dashed) over time${of(a) || of(b)}.`,
    data: { runs: [comparedRun(first, `A: ${a.name}`, 0), comparedRun(second, `B: ${b.name}`, 1)] },
  };
}

function comparedRun(result: Result, label: string, side: 0 | 1): ComparedRun {
  const { samples, limits, failures } = timelineData(result);
  return {
    ...{ label, side, atMs: samples.atMs, kmem: samples.kmem, limit: limits.kmem },
    failures: failures.map((failure) => ({ atMs: failure.atMs, usage: failure.usage, text: failureText(failure) })),
  };
}

function middleOf(results: readonly Result[]): Result | null {
  const drawn = results
    .filter(({ samples }) => samples.length > 0)
    .toSorted((x, y) => (x.kmem.maxUsage ?? 0) - (y.kmem.maxUsage ?? 0));
  return drawn[Math.floor((drawn.length - 1) / 2)] ?? null;
}

/** Null unless both sides have runs at several values of one limit. */
export function comparedSurvivalOf(
  { points }: Comparison,
  names: readonly [string, string],
  id: string,
): SurvivalPlot | null {
  const axes = Object.keys(points[0]?.at ?? {});
  const [axis] = axes;
  if (axis === undefined || axes.length > 1 || points.length < 2) return null;
  if (points.some(({ at }) => typeof at[axis] !== 'number')) return null;
  const series = (['a', 'b'] as const).map((side, index) => ({
    label: `${side.toUpperCase()}: ${names[index]}`,
    points: points
      .map(({ at, tallies, runsA, runsB }) => ({
        at: Number(at[axis]),
        runs: side === 'a' ? runsA : runsB,
        passed: tallies.find(({ key }) => key === 'outcome')?.[side].passed ?? 0,
      }))
      .toSorted((x, y) => x.at - y.at),
  }));
  return {
    kind: 'survival',
    id,
    title: 'Runs that pass, on both sides',
    about: `How many runs of A and of B pass at each ${kebab(axis)} limit, with 95 % intervals.`,
    data: { axis: kebab(axis), unit: axis === 'pids' ? 'count' : 'bytes', series },
  };
}
