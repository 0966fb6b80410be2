/** `kmem-run replay [options] FILE|ID|TOKEN`. */

import { accessSync, constants } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { wholeNumber } from '../experiment/bounds.ts';
import { outputFile } from '../request/output-file.ts';
import { optionName } from '../request/run-input.ts';
import { readPlacement } from '../scenario/input.ts';
import type { Placement } from '../scenario/types.ts';
import { parseLabel } from '../store/keep.ts';
import { quote } from '../text/quote.ts';
import { mustHave, readStoredArguments } from './stored.ts';

export const replayUsage = `kmem-run replay [options] FILE|ID|TOKEN

Makes a run again that was recorded, with the same limits, injected failures, environment, seed, kernel and steps, and shows
what differs: outcome, exits, expectations, first failing call, failcnt, peak. FILE is what --json wrote; ID names a run in the
store, as for kmem-run show; TOKEN holds the run itself.

  --repeat N        runs to make (1; up to 5 where nothing but figures differs, to see how far these spread)
  --warmup N        runs to make first and throw away (0)
  --scenario NAME   take the steps of this scenario (or file) as it is now, under the recorded limits and injected failures
  --prepare CMD     run this by sh -c before each run, outside its group (that of the experiment it comes from)
  --stdin FILE      give each run this file as its stdin (nothing)
  --output WHERE    inherit or null: where stdout and stderr go (as they went then)
  --cwd DIR         run it in another folder
  --parent PATH     make each group in this cgroup directory (as recorded)
  --enforce MODE    auto, gate, native or none (as recorded)
  --keep            put the replays into the store, too
  --label NAME      the same, under this name
  --store FILE      look into this store instead of your own, and keep them there
  --json FILE       write the comparison as JSON ("-": stdout)
  --token           print a token of the run, and run nothing
  --dry-run         print what would be run, and run nothing
  --quiet           no report
  --no-color        no colours
  --no-config       do not read kmem-run.config.json or kmem-run.config.yaml

Exit status: 0 the same, 1 different, 125 it could not be replayed, 130 interrupted.
`;

const MOST_REPEATS = 100_000;
const MOST_WARM_UPS = 1000;

export type ReplayArguments = Readonly<{
  word: string;
  /** Null: as many as it takes. */
  repeat: number | null;
  warmup: number;
  /** A name or a file; null: the recorded steps. */
  scenario: string | null;
  /** Null: what the experiment did; a text instead of it. */
  prepare: string | null;
  stdin: string | null;
  /** Null: as it was. */
  output: 'inherit' | 'null' | null;
  cwd: string | null;
  placement: Placement;
  /** Holds where a run on this kernel was recorded without a parent. */
  defaults: Pick<Placement, 'parent'>;
  keeps: boolean;
  label: string | null;
  store: string | null;
  json: string | null;
  token: boolean;
  dryRun: boolean;
  quiet: boolean;
  /** Null: as the terminal and NO_COLOR say. */
  color: boolean | null;
}>;

const texts = [
  'repeat',
  'warmup',
  'scenario',
  'prepare',
  'stdin',
  'output',
  'cwd',
  'parent',
  'enforce',
  'label',
  'json',
];
const flags = ['keep', 'token', 'dry-run', 'quiet', 'color'];

/** @throws SetupError `bad-option`, `missing-argument`, `unexpected-argument`, and those of readOptions(). */
export function readReplayArgv(argv: readonly string[]): ReplayArguments | 'help' {
  const forms = Object.fromEntries([
    ...texts.map((name) => [name, { type: 'string' }] as const),
    ...flags.map((name) => [name, { type: 'boolean' }] as const),
  ]);
  const { words, store, help, isOn, value, given } = readStoredArguments(argv, forms);
  if (help) return 'help';
  mustHave(words, 1, 'write kmem-run replay FILE, ID or TOKEN; kmem-run history lists what is kept');
  const number = (name: string, range: Readonly<{ from: number; to: number }>): number | null => {
    const text = value(name);
    return text === null ? null : wholeNumber(`--${name}`, text, range);
  };
  if (isOn('token') && value('scenario') !== null)
    throw new SetupError(
      'conflicting-options',
      '--token cannot be combined with --scenario: a token holds the recorded steps',
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
