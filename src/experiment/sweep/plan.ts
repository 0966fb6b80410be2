import { normaliseSpec } from '../../request/normalise.ts';
import { kebab } from '../../request/run-input.ts';
import { spreadOf } from '../../statistics/spread.ts';
import { timeoutFor } from '../bounds.ts';
import type { Job } from '../driver.ts';
import { outlierWarnings } from '../outliers.ts';
import type { Names, Plan } from '../plan.ts';
import type { ExperimentFacts } from '../report.ts';
import { settingText } from '../survival.ts';
import { AXES, type AxisKey, checkSize, type Point } from './points.ts';
import type { SweepPoint, SweepReport } from './report.ts';
import { type PointFigures, planSweep, type SweepHistory, type SweepQuestion, type SweepRun } from './sweep.ts';

/** @throws SetupError `too-many-runs`, and those of normaliseSpec where any point could not be run. */
export function sweepPlan(question: SweepQuestion, nameOf: Names): Plan<SweepRun, SweepHistory, SweepReport> {
  checkSize(question.axes, question.repeat);
  const sweep = planSweep(question, nameOf);
  const shown = AXES.filter((key) => question.axes[key] !== undefined);
  const { timeoutMs, cpus } = normaliseSpec(
    { ...question.input, kernel: undefined, vmMemory: undefined, vmCpus: undefined, rw: undefined, freshVm: undefined },
    { nameOf },
  );
  return {
    experiment: sweep,
    runner: null,
    close: () => {},
    empty: sweep.empty(),
    seed: question.seed,
    cpus,
    placeOf: (run) => (run.kind === 'run' ? { point: run.point, repeat: run.repeat } : null),
    runAt: (place) => ({ kind: 'run', ...place }),
    nameOf: (run) => (run.kind === 'run' ? pointText(sweep.points[run.point] ?? {}, shown) : 'warm-up'),
    count: ({ made }) => ({ done: made.size, total: sweep.total }),
    timeoutMs: ({ warmUpMs }) => timeoutMs ?? (warmUpMs === null ? null : timeoutFor(warmUpMs)),
    report: (facts, history, jobs) =>
      reportOf({ question, points: sweep.points, shown, total: sweep.total }, facts, history, jobs),
  };
}

function pointText(point: Point, shown: readonly AxisKey[]): string {
  return shown.map((key) => `${kebab(key)} ${settingText(key, point[key] ?? null)}`).join(', ') || 'no limit';
}

type AskedSweep = Readonly<{
  question: SweepQuestion;
  points: readonly Point[];
  shown: readonly AxisKey[];
  total: number;
}>;

function reportOf(
  { question, points, shown, total }: AskedSweep,
  facts: ExperimentFacts,
  history: SweepHistory,
  jobs: readonly Job[],
): SweepReport {
  const reported = points.map((point, index) =>
    sweepPoint(point, shown, history.points[index] ?? { runs: [], firstCalls: [] }),
  );
  const outliers = outlierWarnings(
    reported.map(({ figures, settings }) => ({ figures, name: pointText(settings as Point, shown) })),
  );
  return {
    ...facts,
    kind: 'sweep',
    warnings: [...facts.warnings, ...outliers],
    seed: question.seed,
    repeat: question.repeat,
    jobs: jobs.map(({ cpus }) => cpus),
    runs: { planned: total, made: history.made.size },
    axes: shown,
    points: reported,
  };
}

function sweepPoint(point: Point, shown: readonly AxisKey[], { runs, firstCalls, filled }: PointFigures): SweepPoint {
  const known = (values: readonly (number | null)[]) => spreadOf(values.filter((value) => value !== null));
  const outcomes = Object.fromEntries(
    [...Map.groupBy(runs, ({ outcome }) => outcome)].map(([name, own]) => [name, own.length]),
  );
  return {
    settings: Object.fromEntries(shown.map((key) => [key, point[key] ?? null])),
    runs: runs.length,
    passed: runs.filter(({ passed }) => passed).length,
    outcomes,
    failcnt: known(runs.map(({ failcnt }) => failcnt)),
    peak: known(runs.map(({ peak }) => peak)),
    wallMs: known(runs.map(({ wallMs }) => wallMs)),
    hits: {
      oomKills: known(runs.map(({ hits }) => hits?.oomKills ?? null)),
      pids: known(runs.map(({ hits }) => hits?.pids ?? null)),
      kmemTcp: known(runs.map(({ hits }) => hits?.kmemTcp ?? null)),
    },
    firstCalls,
    ...(filled === undefined ? {} : { filled }),
    figures: runs,
  };
}
