/** Outcome of the scenarios of one call of kmem-run, or of several that shared the work: for every format. */

import type { Result } from '../result/schema.ts';
import type { Spread } from '../statistics/spread.ts';

export type ScenarioStatus = 'passed' | 'failed' | 'error' | 'skipped';

/** A difference from the baseline that exceeds its spread and the tolerance. */
export type BaselineChange = Readonly<{
  key: 'kmem' | 'failcnt' | 'mem' | 'kmemTcp' | 'outcome' | 'ends' | 'firstFailing';
  /** `worse` fails the scenario; `better` and `other` are only reported. */
  verdict: 'worse' | 'better' | 'other';
  /** Spread of a figure; for other keys, how often each value occurred. */
  before: Spread | Readonly<Record<string, number>>;
  now: Spread | Readonly<Record<string, number>>;
  /** The change in one sentence. */
  text: string;
}>;

/** Comparison of a scenario with its baseline. */
export type BaselineOutcome = Readonly<{
  file: string;
  /**
   * `compared`; `missing`: the file has no entry for it. With `--update-baseline`: `new`, `changed`, `kept` (equal to the
   * entry), `not-written` (it did not pass).
   */
  state: 'compared' | 'missing' | 'new' | 'changed' | 'kept' | 'not-written';
  changes: readonly BaselineChange[];
  /** What distorts the comparison, such as another kernel, one sentence each. */
  warnings: readonly string[];
}>;

export type ScenarioOutcome = Readonly<{
  name: string;
  /** Path as found; relative if it is below the current folder. */
  file: string;
  /** `host`, or the name of a kernel. */
  kernel: string;
  tags: readonly string[];
  /** The first line of its description. */
  title: string;
  /** `error`: kmem-run itself failed; `skipped`: a requirement is missing. */
  status: ScenarioStatus;
  /** Whether it passed only when run again. */
  flaky: boolean;
  /** Why it did not pass (if flaky: at first), one line each. */
  reasons: readonly string[];
  /** Changes from the baseline that are no reason to fail, one line each. */
  notes: readonly string[];
  /** Null if it is not compared with one. */
  baseline: BaselineOutcome | null;
  /** The end of its output, if it did not pass. */
  output: string;
  /** Number of runs, including those whose setup failed. */
  attempts: number;
  durationMs: number;
  /** Folders with the files of its runs; empty if they are not kept. */
  folders: readonly string[];
  /** Result of every attempt that started a run. */
  results: readonly Result[];
}>;

export type ScenariosReport = Readonly<{
  kind: 'scenarios';
  schemaVersion: 1;
  kmemRun: string;
  startedAt: string;
  durationMs: number;
  /** `stopped`: it was interrupted; scenarios that had not started are omitted. */
  status: 'done' | 'stopped';
  /** Part of the scenarios that was run; null: all. */
  shard: Readonly<{ index: number; of: number }> | null;
  scenarios: readonly ScenarioOutcome[];
}>;

export type StatusCounts = Readonly<Record<ScenarioStatus | 'flaky' | 'all', number>>;

export function countOutcomes(scenarios: readonly ScenarioOutcome[]): StatusCounts {
  const count = (status: ScenarioStatus) => scenarios.filter((each) => each.status === status).length;
  return {
    all: scenarios.length,
    passed: count('passed'),
    failed: count('failed'),
    error: count('error'),
    skipped: count('skipped'),
    flaky: scenarios.filter(({ flaky }) => flaky).length,
  };
}

/** `httpd`, or `httpd on 5.10`. */
export function titleOf({ name, kernel }: Pick<ScenarioOutcome, 'name' | 'kernel'>): string {
  return kernel === 'host' ? name : `${name} on ${kernel}`;
}
