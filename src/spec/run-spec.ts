import type { PlanStep } from './plan.ts';

/** What was asked for, normalised: every key is present, sizes are bytes, times are milliseconds. */

export type Enforce = 'auto' | 'gate' | 'native' | 'none';
export type CgroupVersion = 'auto' | 'v1' | 'v2';

/** Bytes, rounded down to the page (`pids`: a count); null means that no limit was asked for. */
export type Limits = Readonly<{
  kmem: number | null;
  mem: number | null;
  memsw: number | null;
  kmemTcp: number | null;
  pids: number | null;
}>;

/** When a run is over: see docs/run.md. */
export type Wait = 'quiet' | 'exit' | 'empty';

export type VmSpec = Readonly<{
  /** Bytes of memory, a multiple of 1 MiB. */
  memory: number;
  cpus: number;
  /** Absolute paths of the host's folders that stay writable in it. */
  rw: readonly string[];
}>;

/**
 * What holds placeholders: each run fills in `${dir}`, `${port}`, `${port.NAME}` and `${here}` with a folder and ports of
 * its own. The other keys of a spec have the values of one run, or stand-ins before it begins.
 */
export type Template = Readonly<{
  /** As it was written, by the keys of a run's input; `plan` is there. */
  input: Readonly<Record<string, unknown>>;
  /** The folder that `${here}` stands for; null: there is none. */
  here: string | null;
  /** Lines for sh, before the group is made and after the run, in `${dir}`. */
  setUp: readonly string[];
  cleanUp: readonly string[];
}>;

export type RunSpec = Readonly<{
  /** With a plan: that of its first step in the group, for those who list runs. */
  command: readonly string[];
  /** Further steps, each run by `sh -c` in the same group. */
  then: readonly string[];
  /** All steps, of any kind; null: `command` and `then` are the steps. */
  plan: readonly PlanStep[] | null;
  /** What `plan` is made from for each run; null: it is the same for each. */
  template: Template | null;
  limits: Limits;
  enforce: Enforce;
  /** Name of the kernel to boot, or null for the host's. */
  kernel: string | null;
  /** The microVM that boots it; null without a kernel. */
  vm: VmSpec | null;
  cgroup: CgroupVersion;
  /** Directory under which the group is made; null: the runner's own cgroup. */
  parent: string | null;
  /** Bytes kept free below the kmem limit by the gate; null: the gate's default. */
  reserve: number | null;
  errno: 'native' | 'enomem';
  reclaim: boolean;
  /** io_uring is let through, ungated, instead of refused. */
  allowIoUring: boolean;
  /** What to do when usage stays above the kmem limit and there is no call to deny. */
  onOverrun: 'note' | 'kill';
  /** File for a line about each gated call; null: none. */
  traceGate: string | null;
  timeoutMs: number | null;
  graceMs: number;
  holdMs: number;
  wait: Wait;
  /** For `quiet`: how long nothing has to happen in the group, and how long that is waited for after the last step. */
  quietForMs: number;
  quietLimitMs: number;
  expect: readonly string[];
  /** CPUs that gate and command are bound to; null: not bound. */
  cpus: readonly number[] | null;
  aslr: boolean;
  /** Name or number, as given; null: the runner's own identity. */
  user: string | null;
  cwd: string;
  /** Variables that the user named (added or copied). */
  env: Readonly<Record<string, string>>;
  /** True: the command sees only `env`. */
  clearEnv: boolean;
  /** `inherit`, `null`, or `{ file }`: where stdout and stderr of every step go. */
  output: 'inherit' | 'null' | Readonly<{ file: string }>;
  /** Milliseconds between samples; null: none are taken. */
  sampleMs: number | null;
  seed: number | null;
  /** Addresses of calls that the gate fails, whatever the limit (address.ts). */
  inject: readonly string[];
}>;
