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

export type VmSpec = Readonly<{
  /** Bytes of memory, a multiple of 1 MiB. */
  memory: number;
  cpus: number;
  /** Absolute paths of the host's folders that stay writable in it. */
  rw: readonly string[];
}>;

export type RunSpec = Readonly<{
  /** With a plan: that of its first step in the group, for those who list runs. */
  command: readonly string[];
  /** Further steps, each run by `sh -c` in the same group. */
  then: readonly string[];
  /** All steps, of any kind; null: `command` and `then` are the steps. */
  plan: readonly PlanStep[] | null;
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
  wait: 'exit' | 'empty';
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
