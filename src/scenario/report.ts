/** What came of the scenarios of one call of kmem-run, or of several that shared the work: for every format. */

import type { Result } from '../result/schema.ts';
import type { Spread } from '../statistics/spread.ts';

export type ScenarioStatus = 'passed' | 'failed' | 'error' | 'skipped';

/** What differs from the baseline by more than its spread and the tolerance. */
export type BaselineChange = Readonly<{
  key: 'kmem' | 'failcnt' | 'mem' | 'kmemTcp' | 'outcome' | 'ends' | 'firstFailing';
  /** `worse` fails the scenario; `better` and `other` are told. */
  verdict: 'worse' | 'better' | 'other';
  /** Of a figure its spread; else how often each thing came about. */
  before: Spread | Readonly<Record<string, number>>;
  now: Spread | Readonly<Record<string, number>>;
  /** Both in a sentence. */
  text: string;
}>;

/** How a scenario stands to its baseline. */
export type BaselineOutcome = Readonly<{
  file: string;
  /**
   * `compared`; `missing`: nothing is written of it there. By `--update-baseline`: `new`, `changed`, `kept` (nothing differs
   * from what is there), `not-written` (it did not pass).
   */
  state: 'compared' | 'missing' | 'new' | 'changed' | 'kept' | 'not-written';
  changes: readonly BaselineChange[];
  /** What spoils the comparison, such as another kernel, a sentence each. */
  warnings: readonly string[];
}>;

export type ScenarioOutcome = Readonly<{
  name: string;
  /** As it was found, relative to the current folder where it is below it. */
  file: string;
  /** `host`, or the name of a kernel. */
  kernel: string;
  tags: readonly string[];
  /** The first line of its description. */
  title: string;
  /** `error`: kmem-run could not do its work; `skipped`: something that it needs is not there. */
  status: ScenarioStatus;
  /** It passed, but not at once. */
  flaky: boolean;
  /** Why it did not pass (of a flaky one: why not at once), a line each. */
  reasons: readonly string[];
  /** What is told besides, a line each: what changed against the baseline and is no reason to fail. */
  notes: readonly string[];
  /** Null: it is not held to one. */
  baseline: BaselineOutcome | null;
  /** The end of what was written, where it did not pass. */
  output: string;
  /** How often it was run, set-up that failed included. */
  attempts: number;
  durationMs: number;
  /** Where the files of its runs are kept; empty: they are not. */
  folders: readonly string[];
  /** Of every attempt that came to a run. */
  results: readonly Result[];
}>;

export type ScenariosReport = Readonly<{
  kind: 'scenarios';
  schemaVersion: 1;
  kmemRun: string;
  startedAt: string;
  durationMs: number;
  /** `stopped`: it was interrupted, and those that were not begun are left out. */
  status: 'done' | 'stopped';
  /** Which part of the scenarios this is; null: all. */
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
