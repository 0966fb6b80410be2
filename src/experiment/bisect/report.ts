import type { Result } from '../../result/schema.ts';
import type { Figures } from '../figures.ts';
import type { ExperimentFacts } from '../report.ts';

export type LimitTally = Readonly<{ limit: number; passed: number; runs: number }>;

/** What was found; limits in bytes. */
export type BisectAnswer =
  /** `passesAt` and `failsAt` did so each time; they are a page apart unless `between` has limits that did neither. */
  | Readonly<{
      kind: 'found';
      passesAt: number;
      failsAt: number;
      between: readonly LimitTally[];
      surprises: readonly LimitTally[];
    }>
  | Readonly<{ kind: 'always'; passesAt: number; surprises: readonly LimitTally[] }>
  /** `upTo` is null: not even without a limit. */
  | Readonly<{ kind: 'never'; upTo: number | null }>
  /** `from`: there and at all that was tried above it passes; null: that is not known. */
  | Readonly<{ kind: 'not-monotonic'; passes: LimitTally; fails: LimitTally; from: number | null }>
  | Readonly<{ kind: 'noisy'; passesAt: number | null; failsAt: number | null; between: readonly LimitTally[] }>
  | Readonly<{ kind: 'unfinished'; passesAt: number | null; failsAt: number | null }>;

export type BisectReport = ExperimentFacts &
  Readonly<{
    kind: 'bisect';
    answer: BisectAnswer;
    /** Trials on either side. */
    confirm: number;
    pageSize: number;
    /** The runs without a limit; null: `--hi` was given, and none was made. */
    unlimited: Readonly<{ runs: number; passed: number /** Bytes. */; peak: number | null }> | null;
    /** Those that count: without a limit and `trials`. */
    runs: number;
    trials: readonly (Figures &
      Readonly<{
        limit: number;
        /** What it was made for: bracket, search, confirm, widen, audit, recheck. */
        phase: string;
      }>)[];
    /** The last run that failed at the limit that is said to fail, or without one (`limit` is null); null: there is none. */
    justBelow: Readonly<{ limit: number | null; result: Result }> | null;
  }>;
