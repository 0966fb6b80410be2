/** What the commands that make many runs must specify about their experiment. */

import type { CommonQuestion, Labelled, Names, Plan } from '../experiment/plan.ts';
import type { ExperimentFacts } from '../experiment/report.ts';
import type { PlotStyle } from '../text/layout.ts';
import type { ReportRequest } from './option-kinds.ts';

export type Kind<Question extends CommonQuestion, Report extends ExperimentFacts> = Readonly<{
  name: 'sweep' | 'bisect' | 'explore';
  // Runs and histories are internal to the plan: it only receives back what it made itself.
  // biome-ignore lint/suspicious/noExplicitAny: as said above
  planOf: (question: Question, nameOf: Names) => Plan<any, any, Report>;
  text: (report: Report, style: PlotStyle) => string;
  /** The summary in the store. */
  summary: (report: Report) => unknown;
  /** For an experiment that was run. */
  status: (report: Report) => number;
}>;

export type ExperimentRequest<Question> = Readonly<{
  /** Null: it is resumed. */
  question: Labelled<Question> | null;
  resume: string | null;
  /** Null: as the question specifies. */
  jobs: number | null;
  report: Readonly<ReportRequest>;
}>;
