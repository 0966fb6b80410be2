/** The options of `kmem-run scenario run`. */

import { SetupError } from '../errors.ts';
import { wholeNumber } from '../experiment/bounds.ts';
import { optionName } from '../request/run-input.ts';
import { readBaselineName } from '../scenario/baseline/place.ts';
import { readPlacement } from '../scenario/input.ts';
import type { Choices } from '../scenario/perform.ts';
import { BOUNDS, type Placement } from '../scenario/types.ts';
import { quote } from '../text/quote.ts';
import type { OptionForm } from './read-options.ts';
import { type Format, parseFormat } from './scenario-report.ts';
import type { GivenWithSettings } from './settings.ts';

export type Shard = Readonly<{ index: number; of: number }>;

export type RunChoices = Choices &
  Readonly<{
    words: readonly string[];
    tags: readonly string[];
    filters: readonly string[];
    library: boolean;
    lastFailed: boolean;
    format: Format;
    output: string | null;
  }>;

export const SELECT_FORMS: Readonly<Record<string, OptionForm>> = {
  tag: { type: 'string', repeatable: true },
  filter: { type: 'string', repeatable: true },
  library: { type: 'boolean' },
};

export const RUN_FORMS: Readonly<Record<string, OptionForm>> = {
  ...SELECT_FORMS,
  kernel: { type: 'string' },
  parent: { type: 'string' },
  enforce: { type: 'string' },
  jobs: { type: 'string' },
  retry: { type: 'string' },
  repeat: { type: 'string' },
  'last-failed': { type: 'boolean' },
  shard: { type: 'string' },
  format: { type: 'string' },
  output: { type: 'string' },
  strict: { type: 'boolean' },
  'fail-fast': { type: 'boolean' },
  'keep-dir': { type: 'boolean' },
  'update-baseline': { type: 'boolean' },
  baseline: { type: 'string' },
  config: { type: 'boolean' },
};

/** @throws SetupError `bad-option`, `conflicting-options`, `bad-shard`, `bad-baseline-name`. */
export function readChoices({ strings, booleans, positionals, settings }: GivenWithSettings): RunChoices {
  const one = (name: string): string | null => strings.get(name)?.[0] ?? null;
  const number = (name: keyof typeof BOUNDS): number | null => {
    const given = one(name);
    return given === null ? null : wholeNumber(`--${name}`, given, BOUNDS[name]);
  };
  const [shard, baseline] = [one('shard'), one('baseline')];
  const kernel = one('kernel');
  const placement = (areSettings: boolean): Placement => {
    const value = (name: string): string | null => (settings.has(name) === areSettings ? one(name) : null);
    const beside = areSettings ? null : kernel;
    return readPlacement({ parent: value('parent'), enforce: value('enforce'), kernel: beside }, optionName);
  };
  return {
    words: positionals,
    tags: strings.get('tag') ?? [],
    filters: strings.get('filter') ?? [],
    kernel,
    manner: { given: placement(false), defaults: placement(true) },
    jobs: number('jobs') ?? 1,
    retry: number('retry') ?? 0,
    repeat: number('repeat'),
    library: booleans.get('library') ?? false,
    lastFailed: booleans.get('last-failed') ?? false,
    shard: shard === null ? null : parseShard(shard),
    format: parseFormat(one('format') ?? 'pretty'),
    output: one('output'),
    strict: booleans.get('strict') ?? false,
    failFast: booleans.get('fail-fast') ?? false,
    keepDir: booleans.get('keep-dir') ?? false,
    baseline: {
      file: baseline === null ? null : readBaselineName(baseline),
      update: booleans.get('update-baseline') ?? false,
    },
  };
}

function parseShard(given: string): Shard {
  const [, index = '', of = ''] = /^([1-9][0-9]{0,3})\/([1-9][0-9]{0,3})$/.exec(given) ?? [];
  if (index !== '' && Number(index) <= Number(of)) return { index: Number(index), of: Number(of) };
  throw new SetupError(
    'bad-shard',
    `--shard: ${quote(given)} is no part of a whole`,
    'write 1/3 for the first of three parts',
  );
}
