import { SetupError } from '../errors.ts';
import {
  type ExploreHistory,
  type ExploreQuestion,
  type ExploreRun,
  MODES,
  planExplore,
} from '../experiment/explore/explore.ts';
import { openLaboratory } from '../experiment/explore/laboratory.ts';
import { gatedCalls } from '../gate/syscalls.ts';
import { type ExploreReport, exploreText } from '../report/explore.ts';
import { didYouMean } from '../spec/nearest.ts';
import { normaliseSpec, type RunInput } from '../spec/normalise.ts';
import { quote } from '../spec/quote.ts';
import { parseNames } from '../spec/ranges.ts';
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
import type { CommonQuestion, Place, Plan } from './experiment-plan.ts';
import { reportOf } from './explore-report.ts';
import { printOptions } from './help.ts';
import { flag, type OptionTable, string } from './option-kinds.ts';
import { optionName } from './run-options.ts';

const MOST_JOBS = 1024;
const MOST_CALLS = 1_000_000;
const MOST_SUMMARISED = 100;

type Own = CommonOptions & {
  only: string[] | null;
  within: string[] | null;
  all: boolean;
  limit: number | null;
  jobs: number;
};
type Question = ExploreQuestion & CommonQuestion;

/** `kmem-run explore`: 0 when nothing was found, 1 when something was. */
export async function exploreCommand(argv: readonly string[]): Promise<number> {
  const own: Own = {
    only: null,
    within: null,
    all: false,
    limit: null,
    jobs: 1,
    warmup: 1,
    prepare: null,
    resume: null,
  };
  const table = exploreTable(own);
  if (asksForHelp(argv)) return printOptions(table, help);
  const { input, report } = readExperimentArgv(argv, { word: 'explore', table, own });
  if (input === null) throw new Error('there is no --resume here');
  refuseElsewhere(input);
  const { only, within, all, limit, warmup, prepare, jobs } = own;
  const question: Question = { input, only, within, all, limit, warmup, prepare, label: report.label };
  if (report.dryRun) {
    normaliseSpec(input, { nameOf: optionName });
    process.stdout.write(`${JSON.stringify(question, null, 2)}\n`);
    return 0;
  }
  return conductExperiment({ kind: 'explore', question, resume: null, jobs, report }, planOf);
}

const help = {
  usage:
    'kmem-run explore [options] -- command [args…]\n\nMakes each system call of a command that allocates kernel memory fail, one in a run, and tells what it makes of it: crash, hang, silent (a wrong result and exit 0), leak, or handled.\n\nEach run finds a folder and a port of its own in KMEM_RUN_DIR and KMEM_RUN_PORT.',
  epilogue:
    'Exit status: 0 nothing was found, 1 something was, 125 it could not be explored, 130 interrupted (what is known is told).\n\nExample: kmem-run explore --jobs 2 -- sleep 0.1',
};

/** Without what says which call fails, or where nothing can be made to. */
function exploreTable(own: Own): OptionTable {
  const { resume: _, ...common } = commonOptions(own);
  const { fail: __, reserve: ___, reclaim: ____, ...table } = experimentTable({ ...exploreOptions(own), ...common });
  return table;
}

function exploreOptions(own: Own): OptionTable {
  return {
    jobs: string(GROUP, 'N', 'runs at a time, each bound to a CPU of its own (1)', (_, value) => {
      own.jobs = wholeNumber('--jobs', value, { from: 1, to: MOST_JOBS });
    }),
    only: string(GROUP, 'LIST', 'these system calls alone: openat,mmap', (_, value) => {
      own.only = parseNames(value, { name: '--only' }).map(gatedCall);
    }),
    in: string(GROUP, 'LIST', 'calls of these programs alone: apache2', (_, value) => {
      own.within = parseNames(value, { name: '--in' });
    }),
    all: flag(GROUP, 'duplicates too: calls of the same program, of the same kind, on the same object', (_, on) => {
      own.all = on;
    }),
    limit: string(GROUP, 'N', 'at most so many calls', (_, value) => {
      own.limit = wholeNumber('--limit', value, { from: 1, to: MOST_CALLS });
    }),
    kmem: string('Limits:', 'SIZE', 'not here: calls fail by their address, not by a limit', () => {
      throw new SetupError(
        'conflicting-options',
        '--kmem is a limit, and explore fails calls one by one',
        'leave it out; kmem-run sweep tries limits',
      );
    }),
  };
}

function gatedCall(name: string): string {
  const names = gatedCalls.map((call) => call.name);
  if (names.includes(name)) return name;
  throw new SetupError(
    'bad-option',
    `--only: ${quote(name)} is no call that the gate sees`,
    didYouMean(name, names, 'docs/gate.md lists them'),
  );
}

/** Only the gate fails calls by address, and folders and ports are the host's. */
function refuseElsewhere({ enforce, kernel }: RunInput): void {
  const stray =
    enforce !== undefined && enforce !== 'auto' && enforce !== 'gate'
      ? `--enforce ${enforce}`
      : kernel != null
        ? '--kernel'
        : null;
  if (stray === null) return;
  throw new SetupError(
    'conflicting-options',
    `${stray}: explore needs the gate, on the running kernel`,
    'leave it out',
  );
}

function planOf(question: Question): Plan<ExploreRun, ExploreHistory, ExploreReport> {
  const laboratory = openLaboratory(question.prepare);
  const explore = planExplore(question, optionName, laboratory.observed);
  const { cpus } = normaliseSpec(question.input, { nameOf: optionName });
  return {
    experiment: explore,
    runner: laboratory.runner,
    close: laboratory.close,
    empty: explore.empty,
    seed: null,
    cpus,
    placeOf,
    runAt: () => ({ kind: 'warm-up' }),
    nameOf: (run) =>
      run.kind === 'fail'
        ? `failure ${run.call + 1}${run.mode === 'once' ? '' : '+'}`
        : run.kind === 'record'
          ? 'recording'
          : 'warm-up',
    count: explore.count,
    timeoutMs: explore.timeoutMs,
    report: (facts, history, jobs) => reportOf(question, facts, { history, jobs, count: explore.count(history) }),
    text: exploreText,
    summary: ({ counts, score, runs, findings }) => ({
      ...counts,
      score,
      made: runs.made,
      findings: findings.length,
      // For `show`, when the report is gone.
      found: findings.slice(0, MOST_SUMMARISED).map(({ class: name, how, replay }) => ({ class: name, how, replay })),
    }),
    status: ({ findings }) => (findings.length === 0 ? 0 : 1),
  };
}

/** 0 are the recordings; each call has two points. */
function placeOf(run: ExploreRun): Place | null {
  if (run.kind === 'warm-up') return null;
  if (run.kind === 'record') return { point: 0, repeat: run.repeat };
  return { point: 1 + MODES.length * run.call + MODES.indexOf(run.mode), repeat: run.attempt };
}
