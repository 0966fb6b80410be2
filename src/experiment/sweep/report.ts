import type { Spread } from '../../statistics/spread.ts';
import type { Figures, FirstCall, Hits } from '../figures.ts';
import type { ExperimentFacts } from '../report.ts';

/** A setting that was tried; of the settings only those that were swept are there. */
export type SweepPoint = Readonly<{
  settings: Readonly<Record<string, string | number | null>>;
  runs: number;
  passed: number;
  outcomes: Readonly<Record<string, number>>;
  failcnt: Spread | null;
  /** Bytes. */
  peak: Spread | null;
  wallMs: Spread | null;
  /** Absent from what an earlier version wrote. */
  hits?: Readonly<Record<keyof Hits, Spread | null>>;
  firstCalls: readonly FirstCall[];
  /** One for each run, in the order in which they ended. */
  figures: readonly Figures[];
}>;

export type SweepReport = ExperimentFacts &
  Readonly<{
    kind: 'sweep';
    seed: number;
    repeat: number;
    /** The CPUs of each job; null: bound to none. */
    jobs: readonly (readonly number[] | null)[];
    runs: Readonly<{ planned: number; made: number }>;
    /** The settings that vary, in the order of the table's columns. */
    axes: readonly string[];
    points: readonly SweepPoint[];
  }>;
