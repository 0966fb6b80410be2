/** What a page is made of: what kmem-run writes by --json, or keeps, whichever command made it. */

import type { Result } from '../result/schema.ts';
import type { Comparison } from '../store/compare.ts';
import type { BisectReport } from './bisect.ts';
import type { Side } from './compare.ts';
import type { ExploreReport } from './explore.ts';
import type { ScenariosReport } from './scenarios/types.ts';
import type { SweepReport } from './sweep.ts';

/** As `kmem-run fidelity --json` writes it; `kind` is put there when it is read. */
export type FidelityReport = Readonly<{
  kind: 'fidelity';
  kernel: string;
  reserve: number;
  same: boolean;
  /** Of kernel objects; null: it was about a command. */
  rows: readonly FidelityRow[] | null;
  command: readonly string[] | null;
  /** Bytes, without a limit. */
  peak: number | null;
  /** Why there is nothing to compare; null: there is. */
  failsAnyway: string | null;
  /** The smallest limit at which the command passes, by mode. */
  found: readonly Readonly<{ mode: string; limit: number | null; below: string | null; runs: number }>[];
}>;

export type FidelityRow = Readonly<{
  row: Readonly<{ name: string; what: string; kind: string; why: string }>;
  limits: readonly Readonly<{ limit: number; native: number | null; gate: number | null; off: number | null }>[];
  verdict: string;
  reasons: readonly string[];
}>;

export type ExperimentReport = SweepReport | BisectReport | ExploreReport | FidelityReport;

/** One side of a comparison, with the runs of which the course can be drawn. */
export type ComparedSide = Side & Readonly<{ results: readonly Result[] }>;

export type ReportDocument =
  | Readonly<{ kind: 'run'; result: Result }>
  | Readonly<{ kind: 'experiment'; report: ExperimentReport }>
  | Readonly<{ kind: 'scenarios'; report: ScenariosReport }>
  | Readonly<{ kind: 'compare'; a: ComparedSide; b: ComparedSide; comparison: Comparison }>;
