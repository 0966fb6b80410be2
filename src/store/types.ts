/** Types of what goes into a store and comes out of it. */

import type { Outcome, Result } from '../result/schema.ts';
import type { StoredRun } from '../statistics/sample.ts';

export type NewRun = Readonly<{
  result: Result;
  /** An experiment that is already saved; null: a run by itself. */
  experimentId: string | null;
  /** Which of the experiment's settings it used, and how many runs at those settings came before; null: not stated. */
  point?: number | null;
  repeat?: number | null;
  /** Name that several runs may share; null: none. */
  label?: string | null;
}>;

/** Facts about a run that need no reading of its result. */
export type RunSummary = Readonly<{
  id: string;
  experimentId: string | null;
  point: number | null;
  repeat: number | null;
  label: string | null;
  startedAt: string;
  /** The words joined by blanks, cut after 1,000 characters. */
  command: string;
  outcome: Outcome;
  /** Bytes; null if none was requested. */
  kmemLimit: number | null;
  /** Peak of kernel memory, bytes; null: could not be read. */
  maxUsage: number | null;
  failcnt: number | null;
  /** `apache2: mmap /usr/lib/…`; null: nothing failed, or failures have no names in its mode. */
  firstFailing: string | null;
  /** Release of the kernel on which the command ran. */
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
  /** What is needed to resume it: anything that JSON can hold. */
  spec: unknown;
  seed: number | null;
  /** ISO 8601, UTC. */
  startedAt: string;
  status: ExperimentStatus;
}>;

export type StoredExperiment = NewExperiment &
  Readonly<{
    /** Its findings; null: none reported yet. */
    summary: unknown;
    /** Number of its runs that are saved. */
    runs: number;
  }>;

export type RunFilter = Readonly<{
  /** The latest ones, this many; null: all. */
  limit?: number | null;
  /** Text that the command contains. */
  command?: string | null;
  outcome?: Outcome | null;
  label?: string | null;
  /** The runs of this experiment; null: runs by themselves; absent: both. */
  experimentId?: string | null;
}>;

export type ExperimentFilter = Readonly<{ limit?: number | null; command?: string | null }>;

/** What a word on the command line refers to. */
export type StoreName = Readonly<{ kind: 'run' | 'experiment' | 'label'; id: string }>;

export type Store = Readonly<{
  file: string;
  /** Returns the run's id. */
  saveRun(run: NewRun): string;
  saveExperiment(experiment: NewExperiment): void;
  updateExperiment(id: string, changes: Readonly<{ status: ExperimentStatus; summary: unknown }>): void;
  /** By id or unique prefix. @throws SetupError `no-such-experiment`, `ambiguous-id`. */
  experiment(idOrPrefix: string): StoredExperiment;
  /** In the order in which they ended, read on demand; runs may be saved meanwhile. */
  runsOf(experimentId: string): Iterable<StoredRun>;
  /** All runs, in the order in which they ended. */
  allRuns(): Iterable<StoredRun>;
  /** The latest first. */
  list(filter: RunFilter): RunSummary[];
  /** The latest first. */
  experiments(filter: ExperimentFilter): StoredExperiment[];
  /** One page of runs and experiments together. */
  browse(query: BrowseQuery): Browsed;
  /** A different number whenever someone else has changed the store meanwhile. */
  changes(): number;
  /** By id, unique prefix, a label that one run has, or `@`, the latest. @throws SetupError `no-such-run`, `ambiguous-id`. */
  run(idOrPrefix: string): StoredRun;
  /** The same for runs, experiments and labels. @throws SetupError `no-such-run`, `ambiguous-id`. */
  find(word: string): StoreName;
  /** All runs that it names. */
  runsNamed(named: StoreName): Iterable<StoredRun>;
  close(): void;
}>;

/** The sort keys. */
export const SORTS = ['started', 'command', 'state', 'limit', 'peak', 'failcnt', 'label'] as const;

export type Sort = (typeof SORTS)[number];

export type BrowseQuery = Readonly<{
  /** `run`: runs by themselves; null: those and all experiments. Meaningless with `experimentId`. */
  kind: 'run' | ExperimentKind | null;
  /** Text in the command or the label, or the beginning of an id; null: any. */
  text: string | null;
  /** Runs' outcome; null: any. */
  outcome: Outcome | null;
  label: string | null;
  /** Only the runs of this experiment, which no other list contains. */
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
    /** Bytes; null if none was requested. */
    kmemLimit: number | null;
    maxUsage: number | null;
    failcnt: number | null;
    label: string | null;
    firstFailing: string | null;
  }>;

export type BrowsedExperiment = About &
  Readonly<{ entry: 'experiment'; kind: ExperimentKind; status: ExperimentStatus; runs: number }>;

export type Browsed = Readonly<{ entries: readonly (BrowsedRun | BrowsedExperiment)[]; total: number }>;
