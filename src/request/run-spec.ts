/** The normalised request: every key is present, sizes are bytes, times are milliseconds. */

export type Enforce = 'auto' | 'gate' | 'kernel' | 'native' | 'none';
export type CgroupVersion = 'auto' | 'v1' | 'v2';

/** Bytes, rounded down to the page (`pids`: a count); null means that no limit was requested. */
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
  /** Booted for this run alone, also in an experiment. */
  fresh: boolean;
}>;

/**
 * The input with placeholders: each run fills in `${dir}`, `${port}`, `${port.NAME}` and `${here}` with its own folder
 * and ports. The other keys of a spec have the values of one run, or stand-ins before it begins.
 */
export type Template = Readonly<{
  /** As written, with the keys of a run's input; `plan` is present. */
  input: Readonly<Record<string, unknown>>;
  /** The folder that replaces `${here}`; null: none. */
  here: string | null;
  /** Lines for sh, run in `${dir}` before the group is created and after the run. */
  setUp: readonly string[];
  cleanUp: readonly string[];
}>;

export type RunSpec = Readonly<{
  /** With a plan: the command of its first step in the group, for lists of runs. */
  command: readonly string[];
  /** Further steps, each run by `sh -c` in the same group. */
  then: readonly string[];
  /** All steps, of any kind; null: `command` and `then` are the steps. */
  plan: readonly PlanStep[] | null;
  /** The source of `plan` for each run; null: the plan is always the same. */
  template: Template | null;
  limits: Limits;
  enforce: Enforce;
  /** Name of the kernel to boot, or null for the host's. */
  kernel: string | null;
  /** The microVM that boots it; null without a kernel. */
  vm: VmSpec | null;
  cgroup: CgroupVersion;
  /** Directory under which the group is created; null: the runner's own cgroup. */
  parent: string | null;
  /** Bytes kept free below the kmem limit by the gate; null: the gate's default. */
  reserve: number | null;
  errno: 'native' | 'enomem';
  reclaim: boolean;
  /** Before a denial, the gate waits until the memory of exited processes is freed. */
  rcuWait: boolean;
  /** BPF programs record what the group's kernel memory consists of. */
  profile: boolean;
  /** io_uring is allowed, ungated, instead of refused. */
  allowIoUring: boolean;
  /** What to do when usage stays above the kmem limit and there is no call to deny. */
  onOverrun: 'note' | 'kill';
  /** What ends a page fault over the kmem limit, if BPF programs can see it; `note`: nothing. */
  onFault: 'sigbus' | 'kill' | 'note';
  /** What to do about a process that leaves the group, if BPF programs can see it. */
  onEscape: 'note' | 'kill';
  /** File that gets a line for each gated call; null: none. */
  traceGate: string | null;
  timeoutMs: number | null;
  graceMs: number;
  holdMs: number;
  wait: Wait;
  /** For `quiet`: how long the group must be inactive, and the longest wait for that after the last step. */
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

/** Whether the run has this limit at any time: from the start, or by a step that changes limits. */
export function asksFor({ limits, plan }: Pick<RunSpec, 'limits' | 'plan'>, key: keyof Limits): boolean {
  if (limits[key] !== null) return true;
  return (plan ?? []).some((step) => step.kind === 'limits' && (step.limits[key] ?? null) !== null);
}

/** A condition that is polled until `withinMs` has passed. */
export type Awaited = Readonly<{ withinMs: number }> &
  Readonly<
    | { until: 'port'; host: string; port: number }
    /** Absolute; an existing file or folder. */
    | { until: 'file'; file: string }
    /** A matching line in a file (absolute); null: in what the steps have written to stdout and stderr. */
    | { until: 'log'; pattern: string; file: string | null }
    /** Any response with a status below 400. */
    | { until: 'http'; url: string }
  >;

/** Common to all steps. */
type Common = Readonly<{
  /** Name of the step in messages, `signal` and `wait`; null: its index is used. */
  name: string | null;
  /** Expectations, relative to the step: `exit!=0`, `stderr~/Cannot/`, `http.status==200`. */
  expect: readonly string[];
  /** The step is stopped after this, and the run continues; null: the run's own timeout applies. */
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
    /**
     * The next step does not wait for its end, only for `ready`. It is stopped if it still runs after the last step.
     */
    background: boolean;
    /** When the next step may begin; null: when this one has exited, or at once for a background step. */
    ready: Awaited | null;
    /** The signal that stops a background step after the last one. */
    stop: string;
    /** Name of the background step that this one stops; its exit is awaited. */
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
    /** Retried until the response is as expected or this time has passed; 0: one try. */
    withinMs: number;
  }>;

export type SignalTarget = Readonly<
  | { to: 'group' }
  /** The process of a background step, by its name. */
  | { to: 'step'; step: string }
  /** The process whose PID is the first word of a file (absolute); it must be in the group. */
  | { to: 'pid-file'; file: string }
>;

export type SignalStep = Common & Readonly<{ kind: 'signal'; signal: string; target: SignalTarget }>;

export type ChangedLimits = Readonly<{ [K in keyof Limits]?: Limits[K] | undefined }>;

/** Only changed limits are present; null: no longer limited. */
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
