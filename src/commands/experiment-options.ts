/** What the commands that make many runs take: most options of `run`, and some of their own. */

import { SetupError } from '../errors.ts';
import { numberFor, preparation } from '../experiment/bounds.ts';
import { placed } from '../experiment/plan.ts';
import { optionName } from '../spec/option-name.ts';
import { quote } from '../spec/quote.ts';
import type { RunInput } from '../spec/run-input.ts';
import { flag, type OptionTable, type ReportRequest, string } from './option-kinds.ts';
import { parseArgv } from './parse-argv.ts';
import { readOptions, splitAtSeparator } from './read-options.ts';
import { OPTIONS } from './run-options.ts';

export type ExperimentArguments<Own> = Readonly<{
  /** What each run has in common; null: `--resume`, and it comes from the experiment. */
  input: RunInput | null;
  resume: string | null;
  own: Own;
  report: Readonly<ReportRequest>;
}>;

/** Of `run`, but of no use to many: files that each run would begin anew, and what is said of one run. */
const WITHOUT = ['trace-gate', 'verbose', 'keep', 'output', 'plot'];

/** May stand beside `--resume`: they change nothing of what is asked. */
const BESIDE_RESUME = ['resume', 'jobs', 'json', 'quiet', 'plot', 'color', 'store'];

export const GROUP = 'The experiment:';

/**
 * The options of an experiment: its own first, so that --help begins with them; what is in `own` replaces what `run` has.
 * `plot`: what --plot draws, of an experiment that has a picture.
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
  'The command:',
  'inherit|null',
  'where stdout and stderr of all runs go (null)',
  ({ input }, given) => {
    if (given !== 'inherit' && given !== 'null') {
      throw new SetupError(
        'bad-option',
        `--output: many runs cannot share the file ${quote(given)}`,
        'give inherit or null; or have the command write to files of its own',
      );
    }
    input.output = given;
  },
);

/**
 * Reads `sweep [options] -- command` and `sweep --resume ID`. `own` is filled by the table's `apply` functions.
 * Throws SetupError as parseRunArgv() does, and `conflicting-options` for what cannot stand beside `--resume`.
 */
export function readExperimentArgv<Own extends { resume: string | null }>(
  argv: readonly string[],
  { word, table, own }: Readonly<{ word: string; table: OptionTable; own: Own }>,
): ExperimentArguments<Own> {
  const { before, after } = splitAtSeparator(argv);
  const { strings, booleans } = readOptions(before, table);
  const form = { word, usage: `kmem-run ${word} [options]`, options: table, inherited: process.env };
  if (!strings.has('resume')) {
    const { input, report } = parseArgv(argv, { ...form, start: { output: 'null' } });
    return { input: placed(input, optionName), resume: null, own, report };
  }
  const stray = [...strings.keys(), ...booleans.keys()].find((name) => !BESIDE_RESUME.includes(name));
  if (stray !== undefined || after !== null) {
    throw new SetupError(
      'conflicting-options',
      `${stray === undefined ? 'a command' : `--${stray}`} cannot stand beside --resume: what is asked was kept with the experiment`,
      `leave it out, or begin a new experiment without --resume`,
    );
  }
  // A command that is not looked at: the rest is read as ever.
  const { report } = parseArgv([...before, '--', 'true'], { ...form, start: { output: 'null' } });
  return { input: null, resume: own.resume, own, report };
}

/** Before `--`, where it is the command's own. */
export function asksForHelp(argv: readonly string[]): boolean {
  const end = argv.indexOf('--');
  return argv.slice(0, end === -1 ? argv.length : end).includes('--help');
}

/** The values of own options; each table's `apply` writes here. */
export type CommonOptions = { resume: string | null; warmup: number; prepare: string | null };

/** The options that every experiment has. */
export function commonOptions(own: CommonOptions): OptionTable {
  return {
    warmup: string(GROUP, 'N', 'runs to make first and throw away (1)', (_, value) => {
      own.warmup = numberFor('warmup', value, optionName);
    }),
    prepare: string(GROUP, 'CMD', 'run this by sh -c before each run, outside its group', (_, value) => {
      own.prepare = preparation(value, optionName);
    }),
    resume: string(GROUP, 'ID', 'go on with an experiment that was stopped', (_, value) => {
      own.resume = value;
    }),
  };
}
