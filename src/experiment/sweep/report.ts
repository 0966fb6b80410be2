import type { Spread } from '../../statistics/spread.ts';
import type { ExperimentFacts } from '../report.ts';

export type SweepCall = Readonly<{
  comm: string | null;
  syscall: string;
  errno: string | null;
  detail: string | null;
  /** Runs of which it was the first call to fail. */
  runs: number;
}>;

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
  firstCalls: readonly SweepCall[];
  /** One for each run, in the order in which they ended. */
  figures: readonly Readonly<{
    id: string;
    passed: boolean;
    outcome: string;
    peak: number | null;
    failcnt: number | null;
    wallMs: number | null;
  }>[];
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
