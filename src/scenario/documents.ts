import type { ExperimentReport } from '../experiment/kinds.ts';
import type { Result } from '../result/schema.ts';
import type { Comparison } from '../statistics/compare.ts';
import type { ScenariosReport } from './report.ts';

/** One side of a comparison, with the runs of which the course can be drawn. */
export type ComparedSide = Side & Readonly<{ results: readonly Result[] }>;

export type ReportDocument =
  | Readonly<{ kind: 'run'; result: Result }>
  | Readonly<{ kind: 'experiment'; report: ExperimentReport }>
  | Readonly<{ kind: 'scenarios'; report: ScenariosReport }>
  | Readonly<{ kind: 'compare'; a: ComparedSide; b: ComparedSide; comparison: Comparison }>;

/** One side of it: what the user called it, how many runs that is, and of what. */
export type Side = Readonly<{ name: string; runs: number; commands: readonly string[] }>;
