/** Many scenarios: a few at a time, each as often as it asks for, retried if it did not pass. */

import { asSetupError } from '../errors.ts';
import type { Result } from '../result/schema.ts';
import type { Guests } from '../vm/guests.ts';
import { type AttemptOptions, attemptScenario, type ScenarioAttempt } from './attempt.ts';
import type { Baselines } from './baseline/file.ts';
import { holdToBaseline } from './baseline/hold.ts';
import { shownPath } from './find.ts';
import { missingFor } from './needs.ts';
import type { ScenarioOutcome } from './report.ts';
import type { Manner, Scenario } from './types.ts';

export type SuiteOptions = Readonly<{
  /** Null: each on its default. */
  kernel: string | null;
  /** Null: as often as each asks for. */
  repeat: number | null;
  /** Further attempts after one that did not pass. */
  retry: number;
  /** A missing requirement is an error, not a reason to skip. */
  strict: boolean;
  /** No scenario starts after one that did not pass. */
  failFast: boolean;
  /** The CPUs that each job is bound to; null: none. */
  jobs: readonly (readonly number[] | null)[];
  keepDir: boolean;
  manner: Manner;
  guests?: Guests;
  signal: AbortSignal;
  kill: AbortSignal;
  /** Null: none has a baseline. */
  baselines: Baselines | null;
  onStart: (scenario: Scenario) => void;
  /** A run of it has ended. */
  onResult?: (scenario: Scenario, result: Result) => void;
  onEnd: (outcome: ScenarioOutcome) => void;
  /** Replaces the real one in tests. */
  attempt?: typeof attemptScenario;
}>;

/** The outcomes in the order of the scenarios; scenarios not started before an interrupt are omitted. */
export async function runSuite(scenarios: readonly Scenario[], options: SuiteOptions): Promise<ScenarioOutcome[]> {
  const outcomes: (ScenarioOutcome | undefined)[] = [];
  let next = 0;
  let isOver = false;
  const work = async (cpus: readonly number[] | null): Promise<void> => {
    while (!isOver && !options.signal.aborted) {
      const index = next;
      const scenario = scenarios[index];
      if (scenario === undefined) return;
      next += 1;
      options.onStart(scenario);
      const outcome = await runScenario(scenario, cpus, options);
      outcomes[index] = outcome;
      if (options.failFast && (outcome.status === 'failed' || outcome.status === 'error')) isOver = true;
      options.onEnd(outcome);
    }
  };
  await Promise.all(options.jobs.map(work));
  return outcomes.filter((outcome) => outcome !== undefined);
}

async function runScenario(
  scenario: Scenario,
  cpus: readonly number[] | null,
  options: SuiteOptions,
): Promise<ScenarioOutcome> {
  const kernel = options.kernel ?? scenario.kernels[0];
  if (!scenario.kernels.includes(kernel)) {
    return blankOutcome(scenario, kernel, { status: 'skipped', reasons: [`it is for ${scenario.kernels.join(', ')}`] });
  }
  const missing = await missingFor(scenario, kernel);
  if (missing.length > 0)
    return blankOutcome(scenario, kernel, { status: options.strict ? 'error' : 'skipped', reasons: missing });
  const {
    keepDir,
    manner,
    guests,
    signal,
    kill,
    retry,
    repeat,
    strict,
    baselines,
    attempt = attemptScenario,
  } = options;
  const attemptOnce = async () => {
    const made = await attempt(scenario, {
      kernel,
      cpus,
      keepDir,
      manner,
      guests,
      signal,
      kill,
    } satisfies AttemptOptions);
    if (made.result !== null) options.onResult?.(scenario, made.result);
    return made;
  };
  const run = (times: number) => repeatAttempts(scenario, kernel, { times, retry, signal }, attemptOnce);
  const settings = scenario.baseline;
  if (baselines === null || settings === null) return run(repeat ?? scenario.repeat);
  try {
    return await holdToBaseline({ scenario, kernel, settings, baselines, run, repeat, strict, signal });
  } catch (error) {
    const { message, hint } = asSetupError(error);
    return blankOutcome(scenario, kernel, { status: 'error', reasons: [message, `hint: ${hint}`] });
  }
}

/** 0 all passed; 1 some failed; 125 none failed, but some could not be run. */
export function suiteStatus(scenarios: readonly ScenarioOutcome[]): number {
  if (scenarios.some(({ status }) => status === 'failed')) return 1;
  return scenarios.some(({ status }) => status === 'error') ? 125 : 0;
}

type Times = Readonly<{
  times: number;
  /** Further attempts after one that did not pass. */
  retry: number;
  signal: AbortSignal;
}>;

export async function repeatAttempts(
  scenario: Scenario,
  kernel: string,
  { times, retry, signal }: Times,
  attempt: () => Promise<ScenarioAttempt>,
): Promise<ScenarioOutcome> {
  const began = performance.now();
  const made: ScenarioAttempt[] = [];
  let retries = 0;
  let last: ScenarioAttempt | undefined;
  for (let run = 0; run < times; run += 1) {
    last = await attempt();
    made.push(last);
    while (last.status !== 'passed' && retries < retry && !signal.aborted) {
      retries += 1;
      last = await attempt();
      made.push(last);
    }
    if (last.status !== 'passed' || signal.aborted) break;
  }
  const status = last?.status ?? 'passed';
  const unlucky = status === 'passed' ? made.find((each) => each.status !== 'passed') : last;
  return blankOutcome(scenario, kernel, {
    status,
    flaky: status === 'passed' && unlucky !== undefined,
    reasons: unlucky?.reasons ?? [],
    output: unlucky?.output ?? '',
    attempts: made.length,
    durationMs: performance.now() - began,
    folders: made.flatMap(({ folder }) => folder ?? []),
    results: made.flatMap(({ result }) => result ?? []),
  });
}

/** A scenario that was not run, with what is known of it. */
export function blankOutcome(
  { name, file, tags, description }: Pick<Scenario, 'name' | 'file' | 'tags' | 'description'>,
  kernel: string,
  changes: Partial<ScenarioOutcome> & Pick<ScenarioOutcome, 'status'>,
): ScenarioOutcome {
  return {
    name,
    file: shownPath(file),
    kernel,
    tags,
    title: description.split('\n')[0] ?? '',
    flaky: false,
    reasons: [],
    notes: [],
    baseline: null,
    output: '',
    attempts: 0,
    durationMs: 0,
    folders: [],
    results: [],
    ...changes,
  };
}
