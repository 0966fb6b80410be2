/** Keys that every experiment's JSON has. */
export type ExperimentFacts = Readonly<{
  schemaVersion: 1;
  /** For `--resume`, `kmem-run show` and the rest. */
  id: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  /** `stopped`: by a signal; `failed`: for `error`. */
  status: 'done' | 'stopped' | 'failed';
  error: Readonly<{ code: string; message: string; hint: string }> | null;
  command: readonly string[];
  then: readonly string[];
  expect: readonly string[];
  /** Runs that were made and thrown away before the first that counts. */
  warmup: number;
  prepare: string | null;
  /** Milliseconds for each run, as asked for or as derived from the first run; null: none. */
  timeoutMs: number | null;
  /** What may have spoiled the measurement, a sentence each. */
  warnings: readonly string[];
  kmemRun: string;
}>;
