import type { Job } from '../experiment/driver.ts';
import { outlierWarnings } from '../experiment/outliers.ts';
import { AXES, type Axes, type AxisKey, checkSize, type Point } from '../experiment/points.ts';
import { newSeed, SEEDS } from '../experiment/random.ts';
import {
  type PointFigures,
  planSweep,
  type SweepHistory,
  type SweepQuestion,
  type SweepRun,
} from '../experiment/sweep.ts';
import { patienceFor } from '../experiment/timeout.ts';
import type { ExperimentFacts } from '../report/experiment.ts';
import { type SweepPoint, type SweepReport, settingText, sweepText } from '../report/sweep.ts';
import { normaliseSpec } from '../spec/normalise.ts';
import { parseCounts, parseLimits, parseNames } from '../spec/ranges.ts';
import { spreadOf } from '../store/spread.ts';
import { conductExperiment } from './experiment.ts';
import {
  asksForHelp,
  type CommonOptions,
  commonOptions,
  experimentTable,
  GROUP,
  readExperimentArgv,
  wholeNumber,
} from './experiment-options.ts';
import type { CommonQuestion, Plan } from './experiment-plan.ts';
import { printOptions } from './help.ts';
import { type OptionTable, string } from './option-kinds.ts';
import { optionName } from './run-options.ts';

const MOST_REPEATS = 100_000;
const MOST_JOBS = 1024;

type Own = CommonOptions & {
  axes: { -readonly [K in keyof Axes]: Axes[K] };
  repeat: number;
  jobs: number;
  seed: number | null;
};

type Question = SweepQuestion & CommonQuestion;

/** `kmem-run sweep`: 0 when it was made. */
export async function sweepCommand(argv: readonly string[]): Promise<number> {
  const own: Own = { axes: {}, repeat: 1, jobs: 1, seed: null, warmup: 1, prepare: null, resume: null };
  const table = experimentTable(sweepOptions(own));
  if (asksForHelp(argv)) return printOptions(table, help);
  const { input, resume, report } = readExperimentArgv(argv, { word: 'sweep', table, own });
  const { axes, repeat, warmup, prepare, jobs } = own;
  checkSize(axes, repeat);
  const seed = own.seed ?? newSeed();
  const question = input === null ? null : { input, axes, repeat, warmup, prepare, seed, label: report.label };
  if (report.dryRun && question !== null) {
    planSweep(question, optionName);
    process.stdout.write(`${JSON.stringify(question, null, 2)}\n`);
    return 0;
  }
  return conductExperiment({ kind: 'sweep', question, resume, jobs, report }, planOf);
}

const help = {
  usage:
    'kmem-run sweep [options] -- command [args…]\nkmem-run sweep --resume ID\n\nRuns a command at many limits, and tells at which it passes.\n\nRANGE: 512K..4M:256K (steps), 512K..4M*2 (factors), 1M,2M (a list), or a list of these.',
  epilogue:
    'Exit status: 0 the sweep was made, 125 it could not be made, 130 it was interrupted (--resume goes on).\n\nExample: kmem-run sweep --kmem 512K..4M:256K --repeat 5 -- apachectl start',
};

function sweepOptions(own: Own): OptionTable {
  const swept = (key: 'kmem' | 'mem' | 'kmemTcp' | 'pids', what: string) =>
    string('Limits:', 'RANGE', what, (_, value) => {
      const parse = key === 'pids' ? parseCounts : parseLimits;
      own.axes[key] = parse(value, { name: optionName(key) });
    });
  return {
    repeat: string(GROUP, 'N', 'runs at each point (1)', (_, value) => {
      own.repeat = wholeNumber('--repeat', value, { from: 1, to: MOST_REPEATS });
    }),
    jobs: string(GROUP, 'N', 'runs at a time, each bound to a CPU of its own (1)', (_, value) => {
      own.jobs = wholeNumber('--jobs', value, { from: 1, to: MOST_JOBS });
    }),
    seed: string(GROUP, 'N', 'the order of another sweep, which it printed', (_, value) => {
      own.seed = wholeNumber('--seed', value, { from: 0, to: SEEDS - 1 });
    }),
    ...commonOptions(own),
    kmem: swept('kmem', 'kernel memory'),
    mem: swept('mem', 'memory'),
    'kmem-tcp': swept('kmemTcp', 'TCP buffers (cgroup v1)'),
    pids: swept('pids', 'processes and threads at one time'),
    kernel: string(
      'Enforcement:',
      'LIST',
      'boot these kernels in microVMs; "host" is the one that runs',
      (_, value) => {
        const names = parseNames(value, { name: '--kernel' });
        own.axes.kernel = names.map((name) => (name === 'host' ? null : name));
      },
    ),
  };
}

function planOf(question: Question): Plan<SweepRun, SweepHistory, SweepReport> {
  const sweep = planSweep(question, optionName);
  const shown = AXES.filter((key) => question.axes[key] !== undefined);
  const { timeoutMs, cpus } = normaliseSpec(
    { ...question.input, vmMemory: undefined, vmCpus: undefined, rw: undefined },
    { nameOf: optionName },
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
    timeoutMs: ({ warmUpMs }) => timeoutMs ?? (warmUpMs === null ? null : patienceFor(warmUpMs)),
    report: (facts, history, jobs) =>
      reportOf({ question, points: sweep.points, shown, total: sweep.total }, facts, history, jobs),
    text: sweepText,
    summary: ({ runs, points }) => ({ ...runs, passed: points.reduce((sum, { passed }) => sum + passed, 0) }),
    status: () => 0,
  };
}

function pointText(point: Point, shown: readonly AxisKey[]): string {
  return (
    shown.map((key) => `${optionName(key).slice(2)} ${settingText(key, point[key] ?? null)}`).join(', ') || 'no limit'
  );
}

type Asked = Readonly<{ question: Question; points: readonly Point[]; shown: readonly AxisKey[]; total: number }>;

function reportOf(
  { question, points, shown, total }: Asked,
  facts: ExperimentFacts,
  history: SweepHistory,
  jobs: readonly Job[],
): SweepReport {
  const told = points.map((point, index) =>
    sweepPoint(point, shown, history.points[index] ?? { runs: [], firstCalls: [] }),
  );
  const outliers = outlierWarnings(
    told.map(({ figures, settings }) => ({ figures, name: pointText(settings as Point, shown) })),
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
    points: told,
  };
}

function sweepPoint(point: Point, shown: readonly AxisKey[], { runs, firstCalls }: PointFigures): SweepPoint {
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
    firstCalls,
    figures: runs,
  };
}
