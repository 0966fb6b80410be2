import type { ExperimentReport } from '../experiment/kinds.ts';
import type { Result } from '../result/schema.ts';
import type { Comparison } from '../statistics/compare.ts';
import type { ScenariosReport } from './report.ts';

/** One side of a comparison, with the runs whose course can be plotted. */
export type ComparedSide = Side & Readonly<{ results: readonly Result[] }>;

export type ReportDocument =
  | Readonly<{ kind: 'run'; result: Result }>
  | Readonly<{ kind: 'experiment'; report: ExperimentReport }>
  | Readonly<{ kind: 'scenarios'; report: ScenariosReport }>
  | Readonly<{ kind: 'compare'; a: ComparedSide; b: ComparedSide; comparison: Comparison }>;

/** One side of it: the user's name for it, the number of runs, and their commands. */
export type Side = Readonly<{ name: string; runs: number; commands: readonly string[] }>;
