import type { PlanInput, StepInput } from '../request/run-input.ts';
import type { BaselineSettings } from './baseline/types.ts';

export type Needs = Readonly<{
  commands: readonly string[];
  /** Debian's. */
  packages: readonly string[];
  files: readonly string[];
  /** The oldest Linux version; null: any. */
  linux: string | null;
  root: boolean;
  cgroup: 'v1' | 'v2' | null;
}>;

/** Settings of a run without its steps; `env` values may be numbers, as YAML allows. */
export type Settings = Omit<PlanInput, 'plan'>;

export type Placement = Pick<Settings, 'parent' | 'enforce'>;

/** Options of a call for every run: `given` overrides the scenario's file, which overrides `defaults`. */
export type Manner = Readonly<{ given: Placement; defaults: Placement }>;

export const AS_WRITTEN: Manner = { given: {}, defaults: {} };

export type Scenario = Readonly<{
  name: string;
  /** Absolute. */
  file: string;
  description: string;
  tags: readonly string[];
  needs: Needs;
  /** `host` and names of kernels; the first is the default. */
  kernels: readonly [string, ...string[]];
  /** Overrides for a kernel. */
  on: Readonly<Record<string, Pick<Settings, 'kmem' | 'mem' | 'memsw' | 'kmemTcp' | 'pids' | 'timeout' | 'expect'>>>;
  setUp: readonly string[];
  cleanUp: readonly string[];
  repeat: number;
  /** Null if it has no baseline. */
  baseline: BaselineSettings | null;
  settings: Settings;
  steps: readonly StepInput[];
}>;
/** Bounds on what a call may ask for. */
export const BOUNDS = {
  jobs: { from: 1, to: 256 },
  retry: { from: 0, to: 100 },
  repeat: { from: 1, to: 10_000 },
} as const;
