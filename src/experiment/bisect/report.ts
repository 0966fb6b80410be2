import type { Result } from '../../result/schema.ts';
import type { Figures } from '../figures.ts';
import type { ExperimentFacts } from '../report.ts';

export type LimitTally = Readonly<{ limit: number; passed: number; runs: number }>;

/** The answer; limits in bytes. */
export type BisectAnswer =
  /** All runs pass at `passesAt` and fail at `failsAt`: a page apart, unless runs disagreed at the limits in `between`. */
  | Readonly<{
      kind: 'found';
      passesAt: number;
      failsAt: number;
      between: readonly LimitTally[];
      surprises: readonly LimitTally[];
    }>
  | Readonly<{ kind: 'always'; passesAt: number; surprises: readonly LimitTally[] }>
  /** `upTo`: the highest limit that was tried; null: it fails even without a limit. */
  | Readonly<{ kind: 'never'; upTo: number | null }>
  /** `from`: it passes there and at every tried limit above; null: not known. */
  | Readonly<{ kind: 'not-monotonic'; passes: LimitTally; fails: LimitTally; from: number | null }>
  | Readonly<{ kind: 'noisy'; passesAt: number | null; failsAt: number | null; between: readonly LimitTally[] }>
  | Readonly<{ kind: 'unfinished'; passesAt: number | null; failsAt: number | null }>;

export type BisectReport = ExperimentFacts &
  Readonly<{
    kind: 'bisect';
    answer: BisectAnswer;
    /** Number of runs that confirm each side. */
    confirm: number;
    pageSize: number;
    /** The runs without a limit; null: `--hi` was given, so there are none. */
    unlimited: Readonly<{ runs: number; passed: number /** In bytes. */; peak: number | null }> | null;
    /** Number of runs that count: those without a limit, and `trials`. */
    runs: number;
    trials: readonly (Figures &
      Readonly<{
        limit: number;
        /** Purpose of the run: bracket, search, confirm, widen, audit, recheck. */
        phase: string;
      }>)[];
    /** The last run that failed at the failing limit, or without a limit (`limit` is null); null: none failed. */
    justBelow: Readonly<{ limit: number | null; result: Result }> | null;
  }>;
