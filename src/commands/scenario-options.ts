/** The options of `kmem-run scenario run`. */

import { SetupError } from '../errors.ts';
import { wholeNumber } from '../experiment/bounds.ts';
import { ENFORCE } from '../request/normalise.ts';
import { optionName } from '../request/run-input.ts';
import { readBaselineName } from '../scenario/baseline/place.ts';
import { readPlacement } from '../scenario/input.ts';
import type { Choices } from '../scenario/perform.ts';
import { BOUNDS, type Placement } from '../scenario/types.ts';
import { quote } from '../text/quote.ts';
import { flagOption, NO_CONFIG, valueOption } from './option-kinds.ts';
import { type Format, formatOption, parseFormat } from './scenario-report.ts';
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

const OF_ALL = { group: 'Options of list, run and check:', repeatable: true } as const;
const OF_RUN = { group: 'Options of run:' } as const;

export const SELECT_OPTIONS = {
  tag: valueOption('TAG', 'select scenarios with this tag', OF_ALL),
  filter: valueOption('TEXT', 'select scenarios whose name contains this string', OF_ALL),
  library: flagOption('select the library, in addition to WHAT or instead of ./scenarios', {
    group: OF_ALL.group,
  }),
} as const;

export const LIST_OPTIONS = { json: flagOption('print JSON', { group: 'Options of list:' }) } as const;

export const RUN_OPTIONS = {
  jobs: valueOption('N', 'run this many scenarios at a time, each on its own CPU', { ...OF_RUN, byDefault: '1' }),
  kernel: valueOption('KERNEL', 'boot this kernel and run the scenarios for it; "host" is the running kernel', OF_RUN),
  parent: valueOption('PATH', 'create each group in this cgroup directory; not in a microVM', OF_RUN),
  enforce: valueOption('MODE', 'enforce limits in this mode, instead of the one in the file', {
    ...OF_RUN,
    choices: [...ENFORCE],
  }),
  repeat: valueOption('N', 'run each scenario this many times', OF_RUN),
  retry: valueOption('N', 'retry a failed scenario up to N times; if it then passes, mark it as flaky', OF_RUN),
  'last-failed': flagOption('run only scenarios that did not pass last time', OF_RUN),
  'fail-fast': flagOption('start no further scenario after the first failure', OF_RUN),
  'update-baseline': flagOption('run each scenario at least 5 times, and record its usage in the baseline', OF_RUN),
  baseline: valueOption('FILE', 'use this baseline (baseline.yaml or NAME.baseline.yaml)', OF_RUN),
  shard: valueOption('I/N', 'run the I-th of N parts (kmem-run merge joins the reports)', OF_RUN),
  format: formatOption(OF_RUN.group),
  output: valueOption('FILE', 'write the report to this file', OF_RUN),
  strict: flagOption('fail if a required program is missing, instead of skipping the scenario', OF_RUN),
  config: flagOption(NO_CONFIG.config.describe, { ...OF_RUN, helpName: 'no-config' }),
  'keep-dir': flagOption('keep the private folder of each run, and print its path', OF_RUN),
} as const;

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
    `--shard: ${quote(given)} is not of the form I/N`,
    'write 1/3 for the first of three parts',
  );
}
