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
  /** Names, files (contain / or end in .yaml) and folders; absent: ./scenarios. */
  scenarios?: string | readonly string[] | undefined;
  /**
   * Use the library that ships with kmem-run, instead of ./scenarios or in addition to what is named; absent: false.
   */
  library?: boolean | undefined;
  /** Only scenarios with one of these tags, and whose names contain one of these texts; absent: all. */
  tags?: readonly string[] | undefined;
  filters?: readonly string[] | undefined;
  /**
   * Kernel for the scenarios that support it (`'host'`: the running one); absent: the first that each scenario names.
   */
  kernel?: string | undefined;
  /** The cgroup directory in which each group is created; not in a microVM. Absent: kmem-run's own. */
  parent?: string | undefined;
  /** How kmem limits are enforced, instead of the mode in the file; absent: as the file says. */
  enforce?: Enforce | undefined;
  /** Number of concurrent scenarios, each bound to its own CPU; absent: 1. */
  jobs?: number | undefined;
  /** Number of runs of each; absent: as its file says. */
  repeat?: number | undefined;
  /** How often a scenario that does not pass is run again; absent: 0. */
  retry?: number | undefined;
  /** Whether a scenario that lacks a program fails instead of being skipped; absent: false. */
  strict?: boolean | undefined;
  /** Whether to start no further scenario after the first that does not pass; absent: false. */
  failFast?: boolean | undefined;
  /** Whether to keep the private folder of each run (`folders` of an outcome); absent: false. */
  keepDir?: boolean | undefined;
  /** File of baselines for all of them; absent: each uses its own. */
  baseline?: string | undefined;
  /** Whether to measure and write the baselines; absent: false. */
  updateBaseline?: boolean | undefined;
}>;

type Standing = Readonly<{
  name: string;
  /** Number of finished scenarios, and of all that were found. */
  done: number;
  total: number;
}>;

export type ScenarioEvent =
  | (Standing & Readonly<{ type: 'start' }>)
  /** A run of the scenario has finished; there are several if it repeats or is retried. */
  | (Standing & Readonly<{ type: 'run'; result: Result }>)
  /** The scenario finished. */
  | (Standing & Readonly<{ type: 'end'; outcome: ScenarioOutcome }>);

const SELECTION = ['scenarios', 'library', 'tags', 'filters'];
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
 * Runs scenarios, and resolves with the outcome of each, passed or not; after an abort with `status: 'stopped'` and
 * without those that had not started.
 * @throws SetupError (as a rejection) if the input is invalid, if no scenario is selected, or if baselines could not be
 * written; in that last case `.result` is the report.
 */
export function scenario(
  input: string | ScenarioInput = {},
  { signal, kill }: EndOptions = {},
): Running<ScenariosReport, ScenarioEvent> {
  return running(async (emit) => {
    const { words, library, tags, filters, choices } = read(typeof input === 'string' ? { scenarios: input } : input);
    // They load the YAML and schema parsers, which a caller that only performs runs does not need.
    const [{ defaultFolders, findScenarios }, { performScenarios }] = await Promise.all([
      import('../scenario/find.ts'),
      import('../scenario/perform.ts'),
    ]);
    const found = findScenarios({ words, folders: defaultFolders(words, library), tags, filters });
    const total = found.scenarios.length + found.mistakes.length;
    if (total === 0) throw new SetupError('no-scenario', 'no scenario is selected', 'name existing scenarios');
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
  library: boolean;
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
    library: flagIn(value('library'), 'library'),
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
