/** The interface of an experiment for its callers: the command line and the library. */

import { absolute } from '../host/own-process.ts';
import { normaliseSpec } from '../request/normalise.ts';
import { holdsPlaceholder } from '../request/placeholders.ts';
import { commandIn, type RunRequest } from '../request/run-input.ts';
import type { Store } from '../store/types.ts';
import type { Experiment, Job, Runner } from './driver.ts';
import type { ExperimentFacts } from './report.ts';

/** The caller's name for an input key, including an experiment's own: `warmup` is `--warmup` on a command line. */
export type Names = (key: string) => string;

/** The place of a run in its experiment, as saved in the store. */
export type PlanPlace = Readonly<{ point: number; repeat: number }>;

/** The part of a question common to all experiments. */
export type CommonQuestion = Readonly<{
  input: RunRequest;
  /** The name of the scenario whose plan is in `input`; null: requested without one. */
  scenario: string | null;
  /** Number of parallel runs; resuming an experiment may request another number. */
  jobs: number;
  warmup: number;
  prepare: string | null;
}>;

export type Plan<Run, History, Report extends ExperimentFacts> = Readonly<{
  experiment: Experiment<Run, History>;
  /** Null: the ordinary one. */
  runner: Runner | null;
  /** Called when all runs are over. */
  close: () => void;
  empty: History;
  seed: number | null;
  /** CPUs that the user named; null: choose. */
  cpus: readonly number[] | null;
  /** Null: a warm-up, which is not saved. */
  placeOf: (run: Run) => PlanPlace | null;
  runAt: (place: PlanPlace) => Run;
  /** The run's name in progress lines: `kmem 1 MiB`. */
  nameOf: (run: Run) => string;
  count: (history: History) => Readonly<{ done: number; total: number }>;
  /** Milliseconds for each run; null: no timeout. */
  timeoutMs: (history: History) => number | null;
  report: (facts: ExperimentFacts, history: History, jobs: readonly Job[]) => Report;
}>;

/** What is run, as reports show it. */
export function shownRequest({
  input,
  scenario,
}: Pick<CommonQuestion, 'input' | 'scenario'>): Pick<ExperimentFacts, 'command' | 'then' | 'expect'> {
  const further = 'plan' in input ? [] : (input.then ?? []);
  return {
    command: scenario === null ? commandIn(input) : ['scenario', scenario],
    then: further.map((step) => (typeof step === 'string' ? step : `client: ${step.client}`)),
    expect: input.expect ?? [],
  };
}

/** Makes paths stay valid when the experiment is resumed from elsewhere. Each run fills in placeholders itself. */
export function placed<Input extends RunRequest>(input: Input, nameOf: Names): Input {
  const { cwd, rw } = input;
  const folder = (path: string): string => (holdsPlaceholder(path) ? path : absolute(path));
  return {
    ...input,
    cwd: cwd !== undefined && holdsPlaceholder(cwd) ? cwd : normaliseSpec({ command: ['true'], cwd }, { nameOf }).cwd,
    ...(rw === undefined ? {} : { rw: rw.map(folder) }),
  };
}

/** A question, and the label under which its runs are saved; null: none. */
export type Labelled<Question> = Question & Readonly<{ label: string | null }>;

/** An experiment that is saved under `id` from its first run on: one that could not start leaves no trace. */
export type ExperimentContext<Run, History, Report extends ExperimentFacts> = Readonly<{
  id: string;
  startedAt: string;
  question: Labelled<CommonQuestion>;
  plan: Plan<Run, History, Report>;
  store: Store;
  /** Saves the experiment itself to the store, once. */
  begin: () => void;
}>;
