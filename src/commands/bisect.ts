import { SetupError } from '../errors.ts';
import { type BisectHistory, type BisectQuestion, type BisectRun, planBisect } from '../experiment/bisect.ts';
import { type BisectReport, bisectText } from '../report/bisect.ts';
import { exactSize } from '../report/experiment.ts';
import { normaliseSpec, type RunInput } from '../spec/normalise.ts';
import { pageSize } from '../spec/page-size.ts';
import { groupDigits, parseLimit } from '../spec/size.ts';
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

const MOST_CONFIRMATIONS = 1000;

type Own = CommonOptions & { lo: number | null; hi: number | null; confirm: number };
type Question = BisectQuestion & CommonQuestion;

/** `kmem-run bisect`: 0 when a limit was found, 1 when there is none that can be told. */
export async function bisectCommand(argv: readonly string[]): Promise<number> {
  const own: Own = { lo: null, hi: null, confirm: 3, warmup: 1, prepare: null, resume: null };
  const table = experimentTable(bisectOptions(own));
  if (asksForHelp(argv)) return printOptions(table, help);
  const { input, resume, report } = readExperimentArgv(argv, { word: 'bisect', table, own });
  const { lo, hi, confirm, warmup, prepare } = own;
  const question = input === null ? null : { input, lo, hi, confirm, warmup, prepare, label: report.label };
  if (question !== null) checkQuestion(question, input);
  if (report.dryRun && question !== null) {
    planBisect(question, optionName);
    process.stdout.write(`${JSON.stringify(question, null, 2)}\n`);
    return 0;
  }
  return conductExperiment({ kind: 'bisect', question, resume, jobs: 1, report }, planOf);
}

const help = {
  usage:
    'kmem-run bisect [options] -- command [args…]\nkmem-run bisect --resume ID\n\nFinds the smallest kmem limit, to the page, at which a command passes: every step exits 0, or every --expect holds.',
  epilogue:
    'Exit status: 0 found, 1 there is no such limit, or none that can be told, 125 it could not be looked for, 130 interrupted (--resume goes on).\n\nExample: kmem-run bisect --timeout 30s -- apachectl start',
};

function bisectOptions(own: Own): OptionTable {
  return {
    lo: string(GROUP, 'SIZE', 'the smallest limit to try (one page)', (_, value) => {
      own.lo = parseLimit(value, { name: '--lo' });
    }),
    hi: string(GROUP, 'SIZE', 'the highest, at which it passes (from its peak without a limit)', (_, value) => {
      own.hi = parseLimit(value, { name: '--hi' });
    }),
    confirm: string(GROUP, 'N', 'runs to confirm the limit with, on either side (3)', (_, value) => {
      own.confirm = wholeNumber('--confirm', value, { from: 1, to: MOST_CONFIRMATIONS });
    }),
    ...commonOptions(own),
    kmem: string('Limits:', 'SIZE', 'what is looked for: give --lo and --hi instead', () => {
      throw new SetupError(
        'conflicting-options',
        '--kmem is the limit that bisect looks for',
        'leave it out; --lo and --hi say where to look',
      );
    }),
  };
}

function checkQuestion({ lo, hi }: Question, input: RunInput | null): void {
  if (input?.enforce === 'none') {
    throw new SetupError(
      'conflicting-options',
      '--enforce none limits nothing, so there is no limit to find',
      'leave it out',
    );
  }
  if (lo === null || hi === null || lo <= hi) return;
  throw new SetupError(
    'bad-range',
    `--lo (${groupDigits(lo)} bytes) is above --hi (${groupDigits(hi)} bytes)`,
    'swap them',
  );
}

function planOf(question: Question): Plan<BisectRun, BisectHistory, BisectReport> {
  const bisect = planBisect(question, optionName);
  const { timeoutMs, cpus } = normaliseSpec(question.input, { nameOf: optionName });
  return {
    experiment: bisect,
    runner: null,
    close: () => {},
    empty: bisect.empty,
    seed: null,
    cpus,
    // A limit is never 0.
    placeOf: (run) =>
      run.kind === 'warm-up' ? null : { point: run.kind === 'try' ? run.limit : 0, repeat: run.repeat },
    runAt: ({ point, repeat }) => (point === 0 ? { kind: 'free', repeat } : { kind: 'try', limit: point, repeat }),
    nameOf: (run) =>
      run.kind === 'try' ? `kmem ${exactSize(run.limit)}` : run.kind === 'free' ? 'no limit' : 'no limit (warm-up)',
    count: (history) => {
      const done = history.free.length + history.trials.length;
      return { done, total: done + bisect.remaining(history) };
    },
    timeoutMs: (history) => timeoutMs ?? bisect.patienceMs(history),
    report: (facts, history) => {
      const answer = bisect.answer(history);
      const phases = bisect.phases(history);
      const failsAt =
        'failsAt' in answer ? answer.failsAt : answer.kind === 'not-monotonic' ? answer.fails.limit : null;
      const limit = failsAt ?? highestFailed(history);
      const result = history.failed.get(limit);
      return {
        ...facts,
        kind: 'bisect',
        answer,
        confirm: question.confirm,
        pageSize: pageSize(),
        unlimited: question.hi === null ? unlimitedOf(history) : null,
        runs: history.free.length + history.trials.length,
        trials: history.trials.map(({ limit, ...figures }, index) => ({
          limit,
          phase: phases[index] ?? 'recheck',
          ...figures,
        })),
        justBelow: result === undefined ? null : { limit, result },
      };
    },
    text: bisectText,
    summary: ({ answer, runs }) => ({ ...answer, made: runs }),
    status: ({ answer }) => (answer.kind === 'found' ? 0 : 1),
  };
}

/** Null: it failed without a limit, or nowhere. */
function highestFailed({ failed }: BisectHistory): number | null {
  if (failed.has(null)) return null;
  const limits = [...failed.keys()].filter((limit) => limit !== null);
  return limits.length === 0 ? null : Math.max(...limits);
}

function unlimitedOf({ free }: BisectHistory): BisectReport['unlimited'] {
  const passed = free.filter((figures) => figures.passed);
  const peaks = passed.flatMap(({ peak }) => (peak === null ? [] : [peak]));
  return { runs: free.length, passed: passed.length, peak: peaks.length === 0 ? null : Math.max(...peaks) };
}
