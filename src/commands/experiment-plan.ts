/** What the commands that make many runs have to say of their experiment. */

import type { Experiment, Job, Runner } from '../experiment/driver.ts';
import type { ExperimentFacts } from '../report/experiment.ts';
import type { Style } from '../report/layout.ts';
import type { RunInput } from '../spec/run-input.ts';
import type { Store } from '../store/types.ts';
import type { ReportRequest } from './option-kinds.ts';

/** Where a run stands in its experiment, as the store keeps it. */
export type Place = Readonly<{ point: number; repeat: number }>;

/** What a question is, whichever experiment asks it. */
export type CommonQuestion = Readonly<{
  input: RunInput;
  warmup: number;
  prepare: string | null;
  label: string | null;
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
  /** Null: a warm-up, which is not kept. */
  placeOf: (run: Run) => Place | null;
  runAt: (place: Place) => Run;
  /** What a line of progress calls it: `kmem 1 MiB`. */
  nameOf: (run: Run) => string;
  count: (history: History) => Readonly<{ done: number; total: number }>;
  /** Milliseconds for each run; null: none. */
  timeoutMs: (history: History) => number | null;
  report: (facts: ExperimentFacts, history: History, jobs: readonly Job[]) => Report;
  text: (report: Report, style: Style) => string;
  /** What the store says of it. */
  summary: (report: Report) => unknown;
  /** Of an experiment that was made. */
  status: (report: Report) => number;
}>;

export type Request<Question extends CommonQuestion> = Readonly<{
  kind: 'sweep' | 'bisect' | 'explore';
  /** Null: gone on with. */
  question: Question | null;
  resume: string | null;
  jobs: number;
  report: Readonly<ReportRequest>;
}>;

/** An experiment that is kept under `id` from its first run on: one that could not begin leaves no trace. */
export type Scene<Run, History, Report extends ExperimentFacts> = Readonly<{
  id: string;
  startedAt: string;
  question: CommonQuestion;
  plan: Plan<Run, History, Report>;
  store: Store;
  /** Puts the experiment itself into the store, once. */
  begin: () => void;
  request: Readonly<{ jobs: number; report: Readonly<ReportRequest> }>;
}>;
