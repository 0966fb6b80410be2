/** `kmem-run replay [options] FILE|ID|TOKEN`. */

import { accessSync, constants } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { wholeNumber } from '../experiment/bounds.ts';
import type { CommandHelp } from '../manual/page.ts';
import { ENFORCE } from '../request/normalise.ts';
import { outputFile } from '../request/output-file.ts';
import { optionName } from '../request/run-input.ts';
import { readPlacement } from '../scenario/input.ts';
import type { Placement } from '../scenario/types.ts';
import { parseLabel } from '../store/keep.ts';
import { quote } from '../text/quote.ts';
import { flagOption, NO_COLOR, NO_CONFIG, pageOptions, valueOption } from './option-kinds.ts';
import { mustHave, readStoredArguments } from './stored.ts';

const OPTIONS = {
  repeat: valueOption('N', 'perform this many runs', { byDefault: '1; up to 5 while only figures differ' }),
  warmup: valueOption('N', 'perform this many runs first and discard them', { byDefault: '0' }),
  scenario: valueOption('SCENARIO|FILE', 'use the steps of this scenario instead of the recorded steps'),
  prepare: valueOption('CMD', 'before each run, run sh -c CMD outside its group'),
  stdin: valueOption('FILE', 'file that each run reads as stdin'),
  output: valueOption('inherit|null', 'where stdout and stderr go', { byDefault: 'as recorded' }),
  cwd: valueOption('DIR', 'run in this folder', { byDefault: 'as recorded' }),
  parent: valueOption('PATH', 'create each group in this cgroup directory', { byDefault: 'as recorded' }),
  enforce: valueOption('MODE', 'auto, gate, kernel, native or none', {
    byDefault: 'as recorded',
    choices: [...ENFORCE],
  }),
  keep: flagOption('save the replays in the store'),
  label: valueOption('LABEL', 'save the replays under this label'),
  store: valueOption('FILE', 'use this store instead of your default store'),
  json: valueOption('FILE', 'write the comparison as JSON ("-": stdout)'),
  token: flagOption('print a token for the run, without running anything'),
  'dry-run': flagOption('print what would be run, without running anything'),
  quiet: flagOption('print no report'),
  ...NO_COLOR,
  ...NO_CONFIG,
} as const;

export const replayHelp: CommandHelp = {
  synopsis: ['kmem-run replay [options] FILE|ID|TOKEN'],
  text: [
    'Repeats a recorded run with the same limits, injected failures, environment, seed, kernel and steps. Reports differences in outcome, exits, expectations, first failing call, failcnt and peak.',
    'FILE was written with --json. ID is a saved run, as in kmem-run show. TOKEN encodes the whole run.',
  ],
  options: pageOptions(OPTIONS),
  takes: 'FILE|ID',
  status: [
    ['0', 'the same'],
    ['1', 'different'],
    ['125', 'the run could not be replayed'],
    ['130', 'interrupted'],
  ],
};

const MOST_REPEATS = 100_000;
const MOST_WARM_UPS = 1000;

export type ReplayArguments = Readonly<{
  word: string;
  /** Null: as many as needed. */
  repeat: number | null;
  warmup: number;
  /** A name or a file; null: the recorded steps. */
  scenario: string | null;
  /** Null: the experiment's own; a string replaces it. */
  prepare: string | null;
  stdin: string | null;
  /** Null: as recorded. */
  output: 'inherit' | 'null' | null;
  cwd: string | null;
  placement: Placement;
  /** The defaults if a run on this kernel was recorded without a parent. */
  defaults: Pick<Placement, 'parent'>;
  keeps: boolean;
  label: string | null;
  store: string | null;
  json: string | null;
  token: boolean;
  dryRun: boolean;
  quiet: boolean;
  /** Null: the terminal and NO_COLOR decide. */
  color: boolean | null;
}>;

/** @throws SetupError `bad-option`, `missing-argument`, `unexpected-argument`, and those of readOptions(). */
export function readReplayArgv(argv: readonly string[]): ReplayArguments {
  const { words, store, isOn, value, given } = readStoredArguments(argv, OPTIONS);
  mustHave(words, 1, 'use kmem-run replay FILE, ID or TOKEN; kmem-run history lists saved runs');
  const number = (name: string, range: Readonly<{ from: number; to: number }>): number | null => {
    const text = value(name);
    return text === null ? null : wholeNumber(`--${name}`, text, range);
  };
  if (isOn('token') && value('scenario') !== null)
    throw new SetupError(
      'conflicting-options',
      '--token cannot be combined with --scenario: a token contains the recorded steps',
      'leave out one of them',
    );
  const asked = { parent: value('parent'), enforce: value('enforce'), kernel: null };
  const label = value('label');
  const json = value('json');
  return {
    word: words[0] ?? '',
    repeat: number('repeat', { from: 1, to: MOST_REPEATS }),
    warmup: number('warmup', { from: 0, to: MOST_WARM_UPS }) ?? 0,
    scenario: value('scenario'),
    prepare: value('prepare'),
    stdin: readableFile(value('stdin')),
    output: outputOf(value('output')),
    cwd: value('cwd'),
    ...(given.settings.has('parent')
      ? { placement: readPlacement({ ...asked, parent: null }, optionName), defaults: { parent: asked.parent } }
      : { placement: readPlacement(asked, optionName), defaults: {} }),
    keeps: isOn('keep') || label !== null,
    label: label === null ? null : parseLabel(label),
    store,
    json: json === null || json === '-' ? json : outputFile(json, { name: '--json' }),
    token: isOn('token'),
    dryRun: isOn('dry-run'),
    quiet: isOn('quiet'),
    color: given.booleans.get('color') ?? null,
  };
}

function outputOf(text: string | null): ReplayArguments['output'] {
  if (text === null || text === 'inherit' || text === 'null') return text;
  throw new SetupError('bad-option', `--output: ${quote(text)} is neither inherit nor null`, 'give one of these');
}

function readableFile(file: string | null): string | null {
  try {
    if (file !== null) accessSync(file, constants.R_OK);
    return file;
  } catch (error) {
    throw new SetupError(
      'bad-option',
      `--stdin: ${quote(file)} cannot be read (${errnoOf(error)})`,
      'name a file that you may read, or leave it out',
    );
  }
}
