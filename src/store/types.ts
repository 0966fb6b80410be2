/** What goes into a store and what comes out of it. */

import type { Outcome, Result } from '../result/schema.ts';
import type { StoredRun } from '../statistics/sample.ts';

export type NewRun = Readonly<{
  result: Result;
  /** An experiment that was saved before; null: a run by itself. */
  experimentId: string | null;
  /** Which of the experiment's settings it ran at, and how many runs at that one went before; null: says nothing. */
  point?: number | null;
  repeat?: number | null;
  /** Name that several runs may share; null: none. */
  label?: string | null;
}>;

/** What is known of a run without reading its result. */
export type RunSummary = Readonly<{
  id: string;
  experimentId: string | null;
  point: number | null;
  repeat: number | null;
  label: string | null;
  startedAt: string;
  /** The words with blanks between, cut after 1,000 characters. */
  command: string;
  outcome: Outcome;
  /** Bytes; null: none was asked for. */
  kmemLimit: number | null;
  /** Of kernel memory, bytes; null: could not be read. */
  maxUsage: number | null;
  failcnt: number | null;
  /** `apache2: mmap /usr/lib/…`; null: nothing failed, or failures have no names in its mode. */
  firstFailing: string | null;
  /** Release of the kernel under which the command ran. */
  kernel: string;
  mode: Result['enforcement']['mode'];
  /** How cgroups were mounted. */
  layout: Result['environment']['cgroup'];
}>;

export const EXPERIMENT_KINDS = ['sweep', 'bisect', 'explore', 'scenario'] as const;
export type ExperimentKind = (typeof EXPERIMENT_KINDS)[number];
export type ExperimentStatus = 'running' | 'done' | 'stopped';

export type NewExperiment = Readonly<{
  id: string;
  kind: ExperimentKind;
  command: readonly string[];
  /** What is needed to go on with it: anything that JSON can hold. */
  spec: unknown;
  seed: number | null;
  /** ISO 8601, UTC. */
  startedAt: string;
  status: ExperimentStatus;
}>;

export type StoredExperiment = NewExperiment &
  Readonly<{
    /** What it found; null: nothing was said yet. */
    summary: unknown;
    /** How many runs of it are kept. */
    runs: number;
  }>;

export type RunFilter = Readonly<{
  /** The latest so many; null: all. */
  limit?: number | null;
  /** Text that the command has in it. */
  command?: string | null;
  outcome?: Outcome | null;
  label?: string | null;
  /** The runs of this experiment; null: runs by themselves; absent: both. */
  experimentId?: string | null;
}>;

export type ExperimentFilter = Readonly<{ limit?: number | null; command?: string | null }>;

/** What a word on the command line names. */
export type StoreName = Readonly<{ kind: 'run' | 'experiment' | 'label'; id: string }>;

export type Store = Readonly<{
  file: string;
  /** Gives the run's id. */
  saveRun(run: NewRun): string;
  saveExperiment(experiment: NewExperiment): void;
  updateExperiment(id: string, changes: Readonly<{ status: ExperimentStatus; summary: unknown }>): void;
  /** By id or unique prefix. @throws SetupError `no-such-experiment`, `ambiguous-id`. */
  experiment(idOrPrefix: string): StoredExperiment;
  /** In the order in which they ended, read as they are asked for; runs may be saved meanwhile. */
  runsOf(experimentId: string): Iterable<StoredRun>;
  /** All runs, in the order in which they ended. */
  allRuns(): Iterable<StoredRun>;
  /** The latest first. */
  list(filter: RunFilter): RunSummary[];
  /** The latest first. */
  experiments(filter: ExperimentFilter): StoredExperiment[];
  /** Runs and experiments together, a page of them. */
  browse(query: BrowseQuery): Browsed;
  /** Another number whenever somebody else has changed the store meanwhile. */
  changes(): number;
  /** By id, unique prefix, a label that one run has, or `@`, the latest. @throws SetupError `no-such-run`, `ambiguous-id`. */
  run(idOrPrefix: string): StoredRun;
  /** The same for runs, experiments and labels. @throws SetupError `no-such-run`, `ambiguous-id`. */
  find(word: string): StoreName;
  /** All runs that it names. */
  runsNamed(named: StoreName): Iterable<StoredRun>;
  close(): void;
}>;

/** What can be sorted by. */
export const SORTS = ['started', 'command', 'state', 'limit', 'peak', 'failcnt', 'label'] as const;

export type Sort = (typeof SORTS)[number];

export type BrowseQuery = Readonly<{
  /** `run`: runs by themselves; null: those and all experiments. Of no meaning beside `experimentId`. */
  kind: 'run' | ExperimentKind | null;
  /** Text in the command or the label, or the beginning of an id; null: any. */
  text: string | null;
  /** Of runs; null: any. */
  outcome: Outcome | null;
  label: string | null;
  /** Only the runs of this experiment, which are in no other list. */
  experimentId: string | null;
  sort: Sort;
  descending: boolean;
  offset: number;
  limit: number;
}>;

type About = Readonly<{ id: string; startedAt: string; command: string }>;

export type BrowsedRun = About &
  Readonly<{
    entry: 'run';
    outcome: Outcome;
    /** Bytes; null: none was asked for. */
    kmemLimit: number | null;
    maxUsage: number | null;
    failcnt: number | null;
    label: string | null;
    firstFailing: string | null;
  }>;

export type BrowsedExperiment = About &
  Readonly<{ entry: 'experiment'; kind: ExperimentKind; status: ExperimentStatus; runs: number }>;

export type Browsed = Readonly<{ entries: readonly (BrowsedRun | BrowsedExperiment)[]; total: number }>;
