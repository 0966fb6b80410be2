/** What the commands that make many runs have to say of their experiment. */

import type { CommonQuestion, Labelled, Names, Plan } from '../experiment/plan.ts';
import type { ExperimentFacts } from '../experiment/report.ts';
import type { PlotStyle } from '../text/layout.ts';
import type { ReportRequest } from './option-kinds.ts';

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

export type ExperimentRequest<Question> = Readonly<{
  /** Null: gone on with. */
  question: Labelled<Question> | null;
  resume: string | null;
  /** Null: as many as the question says. */
  jobs: number | null;
  report: Readonly<ReportRequest>;
}>;
