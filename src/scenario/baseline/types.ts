/** What a baseline holds of a scenario on a kernel: what its runs measured when it was written. */

/** The values of several runs, from the lowest to the highest: the spread, and what judge() of the store goes by. */
export type Values = readonly number[];

/** How often each thing came about. */
export type Kinds = Readonly<Record<string, number>>;

/** Figures that are held to the baseline. Of memory and TCP buffers only where they were limited. */
export const FIGURES = ['kmem', 'failcnt', 'mem', 'kmemTcp'] as const;
export type Figure = (typeof FIGURES)[number];

export type Circumstances = Readonly<{
  linux: string;
  cgroup: string;
  enforcement: string;
  aslr: boolean;
  /** That the steps could use. */
  cpus: number;
}>;

export type Entry = Readonly<{
  measuredOn: Circumstances;
  limits: Readonly<Record<string, number>>;
  outcome: Kinds;
  /** How the steps ended: `exit 0, exit 126`. */
  ends: Kinds;
  /** `apachectl: execve (ENOMEM)`, or `none`. */
  firstFailing: Kinds;
  /** Without those that could not be read. */
  figures: Readonly<Partial<Record<Figure, Values>>>;
  // What tells where a change comes from; medians.
  /** Processes and threads at one time. */
  processes: number | null;
  /** What kernel memory was made up of at its peak, where the kernel splits it (cgroup v2). */
  parts: Readonly<Record<string, number>> | null;
  /** The group's peak during each step in it, in their order. */
  steps: readonly Readonly<{ name: string; kmem: number }>[];
}>;

/** By scenario, then by kernel (`host`, or the name of one). */
export type Book = Readonly<Record<string, Readonly<Record<string, Entry>>>>;

/** What a median may differ by: a part of it, or so much. */
export type Tolerance = Readonly<{ share: number; atLeast: number }>;

export type BaselineSettings = Readonly<{
  /** The file has the key `baseline`: then a baseline that is missing is a lack. */
  isNamed: boolean;
  /** Null: beside the scenario. */
  file: string | null;
  tolerance: Readonly<Record<Figure, Tolerance>>;
}>;
