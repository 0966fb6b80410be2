import { SetupError } from '../errors.ts';
import { wholeNumber } from '../experiment/bounds.ts';
import type { Enforce } from '../request/run-spec.ts';
import type { Result } from '../result/schema.ts';
import { readBaselineName } from '../scenario/baseline/place.ts';
import { readPlacement } from '../scenario/input.ts';
import type { Choices } from '../scenario/perform.ts';
import type { ScenarioOutcome, ScenariosReport } from '../scenario/report.ts';
import { BOUNDS } from '../scenario/types.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { flagIn, keyAsName, namesIn, textIn } from './input.ts';
import type { EndOptions } from './run.ts';
import { type Running, running } from './running.ts';

export type ScenarioInput = Readonly<{
  /** Names, files (with a / or ending in .yaml) and folders; absent: all in ./scenarios, and those that come with kmem-run. */
  scenarios?: string | readonly string[] | undefined;
  /** Those with one of these tags; those whose names have one of these texts in them. */
  tags?: readonly string[] | undefined;
  filters?: readonly string[] | undefined;
  /** On this kernel, those that are for it; `'host'` is the one that runs. Absent: each on the first that it names. */
  kernel?: string | undefined;
  /** The cgroup directory to make each group in; not in a microVM. */
  parent?: string | undefined;
  /** How kmem limits are enforced, whatever a file says. */
  enforce?: Enforce | undefined;
  /** So many at a time, each bound to a CPU of its own (1). */
  jobs?: number | undefined;
  /** Each so often, whatever it asks for. */
  repeat?: number | undefined;
  /** Again where one does not pass, up to so many times (0). */
  retry?: number | undefined;
  /** What is missing is an error, not a reason to skip (false). */
  strict?: boolean | undefined;
  /** Begin none after one that did not pass (false). */
  failFast?: boolean | undefined;
  /** Keep the private folder of each run: `folders` of an outcome (false). */
  keepDir?: boolean | undefined;
  /** The file of baselines for all of them; absent: each its own. */
  baseline?: string | undefined;
  /** Measure, and write the baselines (false). */
  updateBaseline?: boolean | undefined;
}>;

type Standing = Readonly<{
  name: string;
  /** Scenarios that are over, and all that were found. */
  done: number;
  total: number;
}>;

export type ScenarioEvent =
  | (Standing & Readonly<{ type: 'start' }>)
  /** A run of it is over: one of several where it repeats, or is run again. */
  | (Standing & Readonly<{ type: 'run'; result: Result }>)
  /** It is over. */
  | (Standing & Readonly<{ type: 'end'; outcome: ScenarioOutcome }>);

const SELECTION = ['scenarios', 'tags', 'filters'];
const MANNER = [
  'kernel',
  'parent',
  'enforce',
  'jobs',
  'repeat',
  'retry',
  'strict',
  'failFast',
  'keepDir',
  'baseline',
  'updateBaseline',
];
const KEYS: readonly string[] = [...SELECTION, ...MANNER];

/**
 * Runs scenarios, and resolves with what came of each, passed or not. Rejects only with a SetupError: none of that name is
 * there, or baselines could not be written; then it carries the report as `.result`.
 */
export function scenario(
  input: string | ScenarioInput = {},
  { signal, kill }: EndOptions = {},
): Running<ScenariosReport, ScenarioEvent> {
  return running(async (emit) => {
    const { words, tags, filters, choices } = read(typeof input === 'string' ? { scenarios: input } : input);
    // They load the parsers of YAML and of schemas: who makes runs only does without.
    const [{ findScenarios }, { performScenarios }] = await Promise.all([
      import('../scenario/find.ts'),
      import('../scenario/perform.ts'),
    ]);
    const found = findScenarios({ words, tags, filters });
    const total = found.scenarios.length + found.mistakes.length;
    if (total === 0) throw new SetupError('no-scenario', 'no scenario is selected', 'name those that are there');
    const never = new AbortController().signal;
    let done = 0;
    const { report, error } = await performScenarios(found, choices, {
      signal: signal ?? never,
      kill: kill ?? never,
      onStart: ({ name }) => emit({ type: 'start', name, done, total }),
      onResult: ({ name }, result) => emit({ type: 'run', name, done, total, result }),
      onEnd: (outcome) => {
        done += 1;
        emit({ type: 'end', name: outcome.name, done, total, outcome });
      },
    });
    if (error === null) return report;
    error.result = report;
    throw error;
  });
}

type Read = Readonly<{
  words: readonly string[];
  tags: readonly string[];
  filters: readonly string[];
  choices: Choices;
}>;

/** @throws SetupError `unknown-key`, `bad-option`, `bad-baseline-name`. */
function read(given: ScenarioInput): Read {
  const keys = given as Readonly<Record<string, unknown>>;
  const stray = Object.keys(keys ?? {}).find((key) => !KEYS.includes(key));
  if (stray !== undefined) {
    const hint = didYouMean(stray, KEYS, `known keys: ${KEYS.join(', ')}`);
    throw new SetupError('unknown-key', `unknown key ${quote(stray)}`, hint);
  }
  const value = (key: string): unknown => keys?.[key] ?? undefined;
  const words = typeof value('scenarios') === 'string' ? [value('scenarios')] : value('scenarios');
  const number = (key: keyof typeof BOUNDS): number | null =>
    value(key) === undefined ? null : wholeNumber(key, value(key), BOUNDS[key]);
  const baseline = textIn(value('baseline'), 'baseline');
  const [kernel, parent, enforce] = ['kernel', 'parent', 'enforce'].map((key) => textIn(value(key), key));
  const asked = { parent: parent ?? null, enforce: enforce ?? null, kernel: kernel ?? null };
  return {
    words: namesIn(words, 'scenarios') ?? [],
    tags: namesIn(value('tags'), 'tags') ?? [],
    filters: namesIn(value('filters'), 'filters') ?? [],
    choices: {
      kernel: asked.kernel,
      manner: { given: readPlacement(asked, keyAsName), defaults: {} },
      jobs: number('jobs') ?? 1,
      repeat: number('repeat'),
      retry: number('retry') ?? 0,
      strict: flagIn(value('strict'), 'strict'),
      failFast: flagIn(value('failFast'), 'failFast'),
      keepDir: flagIn(value('keepDir'), 'keepDir'),
      baseline: {
        file: baseline === null ? null : readBaselineName(baseline),
        update: flagIn(value('updateBaseline'), 'updateBaseline'),
      },
      shard: null,
    },
  };
}
