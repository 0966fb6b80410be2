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

/** When a run is over: see docs/reference/run.md. */
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
  /** Before a denial the gate waits until what ended processes leave is freed. */
  rcuWait: boolean;
  /** io_uring is let through, ungated, instead of refused. */
  allowIoUring: boolean;
  /** What to do when usage stays above the kmem limit and there is no call to deny. */
  onOverrun: 'note' | 'kill';
  /** What ends a page fault over the kmem limit, where BPF programs can see it; `note`: nothing. */
  onFault: 'sigbus' | 'kill' | 'note';
  /** What to do about a process that leaves the group, where BPF programs can see it. */
  onEscape: 'note' | 'kill';
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
  /** `inherit`, `null`, or `{ file }`: destination of the stdout and stderr of every step. */
  output: 'inherit' | 'null' | Readonly<{ file: string }>;
  /** Milliseconds between samples; null: none are taken. */
  sampleMs: number | null;
  seed: number | null;
  /** Addresses of calls that the gate fails, whatever the limit (address.ts). */
  inject: readonly string[];
}>;

/** Whether the run has such a limit at any time: from the start, or by a step that changes limits. */
export function asksFor({ limits, plan }: Pick<RunSpec, 'limits' | 'plan'>, key: keyof Limits): boolean {
  if (limits[key] !== null) return true;
  return (plan ?? []).some((step) => step.kind === 'limits' && (step.limits[key] ?? null) !== null);
}

/** Something that comes true, looked at again and again until `withinMs` has passed. */
export type Awaited = Readonly<{ withinMs: number }> &
  Readonly<
    | { until: 'port'; host: string; port: number }
    /** Absolute; a file or folder that is there. */
    | { until: 'file'; file: string }
    /** A line that matches, in a file (absolute), or for null in what the steps have written to stdout and stderr. */
    | { until: 'log'; pattern: string; file: string | null }
    /** Any answer with a status below 400. */
    | { until: 'http'; url: string }
  >;

/** What every step has. */
type Common = Readonly<{
  /** Names the step in messages, in `signal` and in `wait`; null: its index does. */
  name: string | null;
  /** What must hold of it, relative to the step: `exit!=0`, `stderr~/Cannot/`, `http.status==200`. */
  expect: readonly string[];
  /** The step is ended after that, and the run goes on; null: the run's own timeout does. */
  timeoutMs: number | null;
}>;

/** A program that the runner starts; its stdin is /dev/null. */
type Program = Common &
  Readonly<{
    /** Program and arguments; a line for the shell is `['sh', '-c', line]`. */
    command: readonly string[];
    /** Added to the run's own. */
    env: Readonly<Record<string, string>>;
    /** Absolute; null: the run's. */
    cwd: string | null;
    /** The next step does not wait for its end, only for `ready`. What still runs after the last step is ended. */
    background: boolean;
    /** When the next step may begin; null: when this one has ended, or for a background step at once. */
    ready: Awaited | null;
    /** The signal that ends a background step after the last one. */
    stop: string;
    /** The background step that this one ends, by its name: it is waited for. */
    stops: string | null;
  }>;

/** In the group: measured, and limited. */
export type CommandStep = Program & Readonly<{ kind: 'command' }>;

/** A client, outside the group. */
export type OutsideStep = Program & Readonly<{ kind: 'outside' }>;

/** A request by the runner itself, from outside the group. */
export type HttpStep = Common &
  Readonly<{
    kind: 'http';
    method: string;
    url: string;
    headers: Readonly<Record<string, string>>;
    body: string | null;
    /** Tried again until it is answered as expected, or this has passed; 0: once. */
    withinMs: number;
  }>;

export type SignalTarget = Readonly<
  | { to: 'group' }
  /** The process of a background step, by its name. */
  | { to: 'step'; step: string }
  /** The process whose number is the first word of a file (absolute); it must be in the group. */
  | { to: 'pid-file'; file: string }
>;

export type SignalStep = Common & Readonly<{ kind: 'signal'; signal: string; target: SignalTarget }>;

export type ChangedLimits = Readonly<{ [K in keyof Limits]?: Limits[K] | undefined }>;

/** Only what changes is there; null: no limit any more. */
export type LimitsStep = Common & Readonly<{ kind: 'limits'; limits: ChangedLimits }>;

export type Waiting =
  | Awaited
  | Readonly<{ until: 'passed'; ms: number }>
  /** The end of a background step, by its name. */
  | Readonly<{ until: 'step'; step: string; withinMs: number }>
  /** No process is left in the group. */
  | Readonly<{ until: 'empty'; withinMs: number }>;

export type WaitStep = Common & Readonly<{ kind: 'wait'; waiting: Waiting }>;

export type PlanStep = CommandStep | OutsideStep | HttpStep | SignalStep | LimitsStep | WaitStep;

export type StepKind = PlanStep['kind'];

export const STEP_KINDS = [
  'command',
  'outside',
  'http',
  'signal',
  'limits',
  'wait',
] as const satisfies readonly StepKind[];

export const HOST = 'host';
