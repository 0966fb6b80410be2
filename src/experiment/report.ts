/** Keys in the JSON of every experiment. */
export type ExperimentFacts = Readonly<{
  schemaVersion: 1;
  /** Id for `--resume`, `kmem-run show` and other commands. */
  id: string;
  /** Start of the experiment: ISO 8601, UTC. */
  startedAt: string;
  /** `stopped`: by a signal; `failed`: because of `error`. */
  status: 'done' | 'stopped' | 'failed';
  error: Readonly<{ code: string; message: string; hint: string }> | null;
  command: readonly string[];
  then: readonly string[];
  expect: readonly string[];
  /** Number of runs that were made and discarded before the first that counts. */
  warmup: number;
  prepare: string | null;
  /** Time limit of each run in milliseconds, as requested or as derived from the first run; null: none. */
  timeoutMs: number | null;
  /** Possible distortions of the measurement, one sentence each. */
  warnings: readonly string[];
  kmemRun: string;
}>;
