/** What the commands that make many runs have to say of their experiment. */

import type { CommonQuestion, Names, Plan } from '../experiment/plan.ts';
import type { ExperimentFacts } from '../report/experiment.ts';
import type { PlotStyle } from '../report/layout.ts';
import type { Store } from '../store/types.ts';
import type { ReportRequest } from './option-kinds.ts';

/** A question, and the label that its runs are kept under; null: none. */
export type Labelled<Question> = Question & Readonly<{ label: string | null }>;

export type Kind<Question extends CommonQuestion, Report extends ExperimentFacts> = Readonly<{
  name: 'sweep' | 'bisect' | 'explore';
  // Runs and histories are the plan's own affair: what it is given back it has made itself.
  // biome-ignore lint/suspicious/noExplicitAny: as said above
  planOf: (question: Question, nameOf: Names) => Plan<any, any, Report>;
  text: (report: Report, style: PlotStyle) => string;
  /** What the store says of it. */
  summary: (report: Report) => unknown;
  /** Of an experiment that was made. */
  status: (report: Report) => number;
}>;

export type Request<Question> = Readonly<{
  /** Null: gone on with. */
  question: Labelled<Question> | null;
  resume: string | null;
  /** Null: as many as the question says. */
  jobs: number | null;
  report: Readonly<ReportRequest>;
}>;

/** An experiment that is kept under `id` from its first run on: one that could not begin leaves no trace. */
export type Scene<Run, History, Report extends ExperimentFacts> = Readonly<{
  id: string;
  startedAt: string;
  question: Labelled<CommonQuestion>;
  plan: Plan<Run, History, Report>;
  store: Store;
  /** Puts the experiment itself into the store, once. */
  begin: () => void;
}>;
