import type { Spread } from '../../statistics/spread.ts';
import type { Figures, FirstCall, Hits } from '../figures.ts';
import type { ExperimentFacts } from '../report.ts';

/** A kind of kernel memory, at the peak. */
export type Filled = Readonly<{ what: string; by: string; objects: number; bytes: number }>;

/** A combination of settings that was tried; `settings` has only those that were swept. */
export type SweepPoint = Readonly<{
  settings: Readonly<Record<string, string | number | null>>;
  runs: number;
  passed: number;
  outcomes: Readonly<Record<string, number>>;
  /** Spreads over the runs with a known value; null: there is none. */
  failcnt: Spread | null;
  /** Highest kernel memory in bytes. */
  peak: Spread | null;
  wallMs: Spread | null;
  /** Absent in reports of earlier versions. */
  hits?: Readonly<Record<keyof Hits, Spread | null>>;
  firstCalls: readonly FirstCall[];
  /** What kernel memory consisted of in the last run that failed (`--profile`); absent: no such run. */
  filled?: readonly Filled[];
  /** Figures of each run, in the order in which the runs ended. */
  figures: readonly Figures[];
}>;

export type SweepReport = ExperimentFacts &
  Readonly<{
    kind: 'sweep';
    seed: number;
    repeat: number;
    /** The CPUs of each job; null: not bound. */
    jobs: readonly (readonly number[] | null)[];
    runs: Readonly<{ planned: number; made: number }>;
    /** The settings that vary, in the order of the table's columns. */
    axes: readonly string[];
    points: readonly SweepPoint[];
  }>;
