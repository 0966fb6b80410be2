/** The options of the commands that make many runs: most of those of `run`, and some of their own. */

import { SetupError } from '../errors.ts';
import { numberFor, preparation } from '../experiment/bounds.ts';
import { ownEnvironment } from '../host/own-process.ts';
import { kebab, optionName } from '../request/run-input.ts';
import { type AskedScenario, type AskedSubject, refuseSteps } from '../scenario/subject.ts';
import { quote } from '../text/quote.ts';
import { flag, type OptionTable, type ReportRequest, string } from './option-kinds.ts';
import { beforeCommand, COMMAND_LINE, parseArgv, type RunArguments } from './parse-argv.ts';
import { readOptions, splitAtSeparator } from './read-options.ts';
import { OPTIONS } from './run-options.ts';

export type ExperimentArguments<Own> = Readonly<{
  /** What all runs have in common; null: `--resume`, where it comes from the experiment. */
  asked: AskedSubject | null;
  resume: string | null;
  own: Own;
  report: Readonly<ReportRequest>;
  sources: RunArguments['sources'];
}>;

/** Options of `run` that are useless for many runs: files that each run would overwrite, and reports about one run. */
const WITHOUT = ['trace-gate', 'verbose', 'keep', 'output', 'plot'];

/** Can be combined with `--resume`: they do not change the question. */
const BESIDE_RESUME = ['resume', 'jobs', 'json', 'quiet', 'plot', 'color', 'store', 'config'];

export const GROUP = 'Experiment:';

/**
 * The options of an experiment: its own first, so that --help begins with them; those in `own` replace those of `run`.
 * `plot`: what --plot draws, if the experiment has a plot.
 */
export function experimentTable(own: OptionTable, plot: string | null = null): OptionTable {
  const drawn = plot === null ? {} : { plot: plotOption(plot) };
  const shared = Object.entries({ ...OPTIONS, ...drawn }).filter(
    ([name]) => !WITHOUT.includes(name) || Object.hasOwn(drawn, name),
  );
  return { ...own, ...Object.fromEntries(shared), ...own, output };
}

function plotOption(describe: string): OptionTable[string] {
  return flag('Output:', describe, ({ report }, on) => {
    report.plot = on;
  });
}

const output = string(
  'Command:',
  'inherit|null',
  'where stdout and stderr of all runs go',
  ({ input }, given) => {
    if (given !== 'inherit' && given !== 'null') {
      throw new SetupError(
        'bad-option',
        `--output: several runs cannot share the file ${quote(given)}`,
        'use inherit or null, or have the command write to its own files',
      );
    }
    input.output = given;
  },
  'null',
);

/**
 * A scenario defines everything about its run but these, and may define them too; settings must not turn it into
 * another run.
 */
const BESIDE_SCENARIO = ['parent', 'enforce'];

/** Whether it concerns the runs, rather than the experiment or its report. */
function isAboutRuns(name: string): boolean {
  return Object.hasOwn(OPTIONS, name) && OPTIONS[name]?.group !== 'Output:';
}

/** A placeholder if no command is accepted on the command line. */
const NO_COMMAND = ['--', 'true'];

/**
 * Reads `sweep [options] -- command`, `sweep --scenario NAME` and `sweep --resume ID`. `own` is filled by the table's
 * `apply` functions. @throws SetupError as parseRunArgv() does, and `conflicting-options` for options that cannot be
 * combined with `--resume` or `--scenario`.
 */
export function readExperimentArgv<Own extends CommonOptions>(
  argv: readonly string[],
  { word, table, own }: Readonly<{ word: string; table: OptionTable; own: Own }>,
): ExperimentArguments<Own> {
  const { before, after } = splitAtSeparator(argv);
  // Without -- these may include the command's own options.
  const tokens = after === null ? beforeCommand(argv, { word, options: table }) : before;
  const { strings, booleans } = readOptions(tokens, table);
  const form = { word, usage: `kmem-run ${word} [options]`, options: table, inherited: ownEnvironment() };
  const names = [...strings.keys(), ...booleans.keys()];
  const start = { output: 'null' } as const;
  if (!strings.has('resume')) {
    const isScenario = strings.has('scenario');
    if (isScenario) refuseSteps((key) => (key === 'command' ? after !== null : names.includes(kebab(key))), stepName);
    const { input, report, sources } = isScenario
      ? parseArgv([...before, ...NO_COMMAND], {
          ...form,
          start,
          takes: (name) => !isAboutRuns(name) || BESIDE_SCENARIO.includes(name),
        })
      : parseArgv(argv, { ...form, start });
    if (own.scenario === null) return { asked: { scenario: null, input }, resume: null, own, report, sources };
    const { command: _, ...settings } = input;
    const yielding = BESIDE_SCENARIO.filter((key) => sources[key] !== COMMAND_LINE);
    const pick = (yields: boolean) =>
      Object.fromEntries(Object.entries(settings).filter(([key]) => yielding.includes(key) === yields));
    const asked: AskedScenario = { scenario: own.scenario, input: pick(false), defaults: pick(true) };
    const first = Object.entries(sources).map(([name, source]) => [
      name,
      source === COMMAND_LINE || !isAboutRuns(name) ? source : `scenario, or ${source}`,
    ]);
    return { asked, resume: null, own, report, sources: Object.fromEntries(first) };
  }
  const stray = names.find((name) => !BESIDE_RESUME.includes(name));
  if (stray !== undefined || after !== null) {
    throw new SetupError(
      'conflicting-options',
      `${stray === undefined ? 'a command' : `--${stray}`} cannot be combined with --resume: the request is saved with the experiment`,
      `leave it out, or start a new experiment without --resume`,
    );
  }
  const takes = (name: string): boolean => BESIDE_RESUME.includes(name);
  const { report, sources } = parseArgv([...before, ...NO_COMMAND], { ...form, start, takes });
  return { asked: null, resume: own.resume, own, report, sources };
}

function stepName(key: string): string {
  return key === 'command' ? 'a command' : optionName(key);
}

/** The values of own options; each table's `apply` writes here. */
export type CommonOptions = {
  scenario: string | null;
  resume: string | null;
  /** Null: one, or the resumed experiment's number. */
  jobs: number | null;
  warmup: number;
  prepare: string | null;
};

/** Defaults that options may override. */
export const COMMON: CommonOptions = { scenario: null, resume: null, jobs: null, warmup: 1, prepare: null };

/** The options that every experiment has. */
export function commonOptions(own: CommonOptions): OptionTable {
  return {
    scenario: string(GROUP, 'SCENARIO|FILE', 'run the steps of this scenario instead of a command', (_, value) => {
      own.scenario = value;
    }),
    jobs: string(
      GROUP,
      'N',
      'perform this many runs at a time, each on its own CPU',
      (_, value) => {
        own.jobs = numberFor('jobs', value, optionName);
      },
      '1',
    ),
    warmup: string(
      GROUP,
      'N',
      'perform this many runs first and discard them',
      (_, value) => {
        own.warmup = numberFor('warmup', value, optionName);
      },
      '1',
    ),
    prepare: string(GROUP, 'CMD', 'before each run, run sh -c CMD outside its group', (_, value) => {
      own.prepare = preparation(value, optionName);
    }),
    resume: string(GROUP, 'EXPERIMENT', 'continue an experiment that was stopped', (_, value) => {
      own.resume = value;
    }),
  };
}
