/** What an experiment is to those who make it: the command line and the library. */

import { resolve } from 'node:path';
import type { ExperimentFacts } from '../report/experiment.ts';
import { normaliseSpec } from '../spec/normalise.ts';
import type { RunInput } from '../spec/run-input.ts';
import type { Experiment, Job, Runner } from './driver.ts';

/** How whoever asked calls an input key, an experiment's own included: `warmup` is `--warmup` on a command line. */
export type Names = (key: string) => string;

/** Where a run stands in its experiment, as the store keeps it. */
export type Place = Readonly<{ point: number; repeat: number }>;

/** What a question is, whichever experiment asks it. */
export type CommonQuestion = Readonly<{
  input: RunInput;
  warmup: number;
  prepare: string | null;
}>;

export type Plan<Run, History, Report extends ExperimentFacts> = Readonly<{
  experiment: Experiment<Run, History>;
  /** Null: the ordinary one. */
  runner: Runner | null;
  /** Called when all runs are over. */
  close: () => void;
  empty: History;
  seed: number | null;
  /** CPUs that the user named; null: choose. */
  cpus: readonly number[] | null;
  /** Null: a warm-up, which is not kept. */
  placeOf: (run: Run) => Place | null;
  runAt: (place: Place) => Run;
  /** What a line of progress calls it: `kmem 1 MiB`. */
  nameOf: (run: Run) => string;
  count: (history: History) => Readonly<{ done: number; total: number }>;
  /** Milliseconds for each run; null: none. */
  timeoutMs: (history: History) => number | null;
  report: (facts: ExperimentFacts, history: History, jobs: readonly Job[]) => Report;
}>;

/** Paths that hold wherever it is gone on with. Left to be checked again at each point: what may differ between them. */
export function placed(input: RunInput, nameOf: Names): RunInput {
  const { cwd } = normaliseSpec({ command: input.command, cwd: input.cwd }, { nameOf });
  const { rw } = input;
  return { ...input, cwd, ...(rw === undefined ? {} : { rw: rw.map((folder) => resolve(folder)) }) };
}
