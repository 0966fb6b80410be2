/** A sweep: every point a given number of times, in a shuffled order that its seed reproduces. */

import { type NameOf, normaliseSpec } from '../../request/normalise.ts';
import type { RunRequest } from '../../request/run-input.ts';
import type { RunSpec } from '../../request/run-spec.ts';
import { HOST } from '../../request/run-spec.ts';
import { passes } from '../../result/passes.ts';
import { allocatorText, largestAtPeak } from '../../result/profile-parts.ts';
import type { Profile, Result } from '../../result/schema.ts';
import { timeoutFor } from '../bounds.ts';
import type { Experiment } from '../driver.ts';
import { countCall, type Figures, type FirstCall, figuresOf, firstCallOf } from '../figures.ts';
import type { CommonQuestion } from '../plan.ts';
import { type Axes, crossProduct, loosest, type Point, randomFrom, shuffled } from './points.ts';
import type { Filled } from './report.ts';

/** The question, complete enough to resume later. */
export type SweepQuestion = CommonQuestion &
  Readonly<{
    /** By kernel (`host`): what a scenario requests for it, instead of `input`. */
    onKernel: Readonly<Record<string, RunRequest>>;
    axes: Axes;
    repeat: number;
    seed: number;
  }>;

/** `point`: index in the cross product. `repeat`: number of runs at that point before it in the plan. */
export type SweepRun = Readonly<{ kind: 'warm-up' } | { kind: 'run'; point: number; repeat: number }>;

export type PointFigures = Readonly<{
  runs: readonly Figures[];
  firstCalls: readonly FirstCall[];
  /** As in the report. */
  filled?: readonly Filled[];
}>;

/** Grown in place: copying them for each run would take hours with 100,000 runs. */
type Growing = { readonly runs: Figures[]; firstCalls: readonly FirstCall[]; filled?: readonly Filled[] };

export type SweepHistory = {
  /** Duration of the longest warm-up; null: there was none. */
  warmUpMs: number | null;
  warmUps: number;
  /** By point. */
  readonly points: readonly Growing[];
  /** Finished runs: point × repeats + repeat. */
  readonly made: Set<number>;
};

export type Sweep = Experiment<SweepRun, SweepHistory> &
  Readonly<{ question: SweepQuestion; points: readonly Point[]; empty: () => SweepHistory; total: number }>;

/** @throws SetupError by normaliseSpec(), where any point could not be run. */
export function planSweep(question: SweepQuestion, nameOf: NameOf): Sweep {
  const { axes, repeat, warmup, seed } = question;
  const points = crossProduct(axes);
  const specAt = (point: Point): RunSpec => normaliseSpec(inputAt(question, point), { nameOf });
  for (const point of points) specAt(point);
  const order = orderOf({ points: points.length, repeat, seed });
  return {
    question,
    points,
    total: points.length * repeat,
    empty: () => ({
      warmUpMs: null,
      warmUps: 0,
      points: points.map(() => ({ runs: [], firstCalls: [] })),
      made: new Set(),
    }),
    strategy: ({ warmUps, made }) => {
      const left = order.filter((run) => !made.has(run.point * repeat + run.repeat));
      if (left.length === 0) return null;
      if (warmUps < warmup) return Array.from({ length: warmup - warmUps }, (): SweepRun => ({ kind: 'warm-up' }));
      return left.map((run): SweepRun => ({ kind: 'run', ...run }));
    },
    specOf: (run, { warmUpMs }) => {
      const spec = specAt(run.kind === 'run' ? (points[run.point] ?? {}) : loosest(axes));
      return spec.timeoutMs === null && warmUpMs !== null ? { ...spec, timeoutMs: timeoutFor(warmUpMs) } : spec;
    },
    fold: (history, run, result) => {
      if (run.kind === 'run') addRun(history, run, result, repeat);
      else {
        history.warmUps += 1;
        history.warmUpMs = Math.max(history.warmUpMs ?? 0, result.durations.wallMs ?? 0);
      }
      return history;
    },
  };
}

type Planned = Readonly<{ point: number; repeat: number }>;

/**
 * Round by round, with each point once per round: drift over time is spread over all points, even if the sweep is
 * stopped.
 */
export function orderOf({
  points,
  repeat,
  seed,
}: Readonly<{ points: number; repeat: number; seed: number }>): Planned[] {
  const random = randomFrom(seed);
  const all = Array.from({ length: points }, (_, point) => point);
  return Array.from({ length: repeat }, (_, round) => round).flatMap((round) =>
    shuffled(all, random).map((point) => ({ point, repeat: round })),
  );
}

function addRun(history: SweepHistory, { point, repeat }: Planned, result: Result, repeats: number): void {
  const known = history.points[point];
  if (known === undefined || history.made.has(point * repeats + repeat)) return;
  history.made.add(point * repeats + repeat);
  known.runs.push(figuresOf(result));
  known.firstCalls = countCall(known.firstCalls, firstCallOf(result));
  if (result.profile != null && !passes(result)) known.filled = filledIn(result.profile);
}

const MOST_FILLED = 5;

function filledIn(profile: Profile): Filled[] {
  return largestAtPeak(profile, MOST_FILLED).shown.map((row) => ({
    what: row.what,
    by: allocatorText(row),
    ...row.peak,
  }));
}

/** MicroVM options do not apply to points that run on the host; if all points do, they are a mistake. */
function inputAt({ input: same, onKernel, axes }: SweepQuestion, point: Point): RunRequest {
  const kernel = point.kernel ?? HOST;
  const input = (Object.hasOwn(onKernel, kernel) ? onKernel[kernel] : null) ?? same;
  const { vmMemory: _, vmCpus: __, rw: ___, freshVm: ____, ...onHost } = input;
  const hasKernel = axes.kernel?.some((kernel) => kernel !== null) === true;
  return { ...(hasKernel && point.kernel === null ? onHost : input), ...point };
}
