import type { Duration } from './duration.ts';
import type { CgroupVersion, Enforce, RunSpec, Template, Wait } from './run-spec.ts';
import type { Size } from './size.ts';
export type FurtherStep = string | Readonly<{ client: string }>;

/**
 * The input of a run. Every key but `command` is optional; `undefined` counts as absent. Sizes are bytes or strings
 * (`'1M'`); durations are milliseconds or strings (`'1.5s'`; a number alone in a string is seconds). If a key accepts
 * `null`, it means none: no limit, not bound, no samples. `normaliseSpec` has the defaults.
 */
export type RunInput = Readonly<{
  /** The program and its arguments, passed on unchanged. */
  command: readonly string[];
  /**
   * Further steps, each run by `sh -c`: in the same group, or outside it as a `client`, whose memory is not counted.
   */
  then?: readonly FurtherStep[] | undefined;
  /**
   * What the first further step waits for: `tcp:PORT`, `tcp:HOST:PORT`, `http://…`, `file:PATH` or `output:REGEX`. A
   * command that still runs then is a server: the further steps run while it runs, and it is stopped after the last
   * one. With `ready`, `background`, `stop` or a `client`, `${port}`, `${port.NAME}` and `${dir}` in strings are
   * replaced by free ports and a private folder of the run. Absent: further steps wait for the end of the command,
   * unless `background` is set.
   */
  ready?: string | null | undefined;
  /** Longest wait for `ready`; absent: 10 s. */
  readyTimeout?: Duration | undefined;
  /** Whether further steps start without waiting for the command to exit; it is stopped after the last one. */
  background?: boolean | undefined;
  /** What stops a server after the last step: a signal, or a line for `sh -c` in the group; absent: TERM. */
  stop?: string | undefined;
  /** Limits of kernel memory and memory, rounded down to the page; absent: not limited. */
  kmem?: Size | null | undefined;
  mem?: Size | null | undefined;
  /** Limit on memory and swap combined; requires `mem`, and is at least `mem`. */
  memsw?: Size | null | undefined;
  /** Soft limit on TCP buffers (cgroup v1). */
  kmemTcp?: Size | null | undefined;
  /** Limit on concurrent processes and threads. */
  pids?: number | string | null | undefined;
  /** How the kmem limit is enforced; absent: `'auto'`. */
  enforce?: Enforce | undefined;
  /** Name of the kernel to boot in a microVM; absent: the command runs on the running kernel. */
  kernel?: string | null | undefined;
  /** Memory of the microVM; requires `kernel`, as do the next two keys. Absent: 1 GiB. */
  vmMemory?: Size | null | undefined;
  /** Number of its processors; absent: 1. */
  vmCpus?: number | string | null | undefined;
  /** Whether each run of an experiment has a microVM of its own, instead of one that has made others; a single run has. */
  freshVm?: boolean | undefined;
  /** Folders of the host that the command may write to; everything else that it writes is lost with the microVM. */
  rw?: readonly string[] | undefined;
  /** Cgroup version to use; absent: `'auto'`. */
  cgroup?: CgroupVersion | undefined;
  /** Cgroup directory in which the group is created; absent: that of this process. */
  parent?: string | null | undefined;
  /** What the gate keeps free below the kmem limit; null or absent: the gate's default. */
  reserve?: Size | null | undefined;
  /** Errno of denied calls: that of an enforcing kernel, or always ENOMEM; absent: `'native'`. */
  errno?: 'native' | 'enomem' | undefined;
  /** Whether the kernel is asked to reclaim before a call is denied; absent: false. */
  reclaim?: boolean | undefined;
  /** Whether the gate waits, before a denial, until the memory of ended processes is freed; absent: true. */
  rcuWait?: boolean | undefined;
  /** Whether BPF programs record what the group's kernel memory consists of; absent: false. */
  profile?: boolean | undefined;
  /** Whether io_uring is allowed, ungated, instead of refused; absent: false. */
  allowIoUring?: boolean | undefined;
  /** Whether usage above the kmem limit with no call to deny is reported, or ends the run; absent: `'note'`. */
  onOverrun?: 'note' | 'kill' | undefined;
  /** Signal that ends a page fault over the kmem limit; `'note'` or absent: the fault is only counted. */
  onFault?: 'sigbus' | 'kill' | 'note' | undefined;
  /** Whether a process that leaves the group is only reported, or also killed; absent: `'note'`. */
  onEscape?: 'note' | 'kill' | undefined;
  /** File that receives a line of JSON for each gated call; absent: none is written. */
  traceGate?: string | null | undefined;
  /** Time limit of all steps and the hold together; absent: none. */
  timeout?: Duration | null | undefined;
  /** Time between SIGTERM and SIGKILL when the run is stopped; absent: 2 s. */
  grace?: Duration | undefined;
  /** How long the group is kept after the last step; absent: 0. */
  hold?: Duration | undefined;
  /**
   * When the run is over: the last step has exited and the group is empty or quiet (`quiet`), the last step has exited
   * (`exit`), or the group is empty (`empty`). Absent: `'quiet'`.
   */
  wait?: Wait | undefined;
  /**
   * A group is quiet if for this time no process started or ended, no call was denied and no new peak was reached;
   * absent: 500 ms.
   */
  quietFor?: Duration | undefined;
  /** Longest wait for a quiet group; absent: 5 s. */
  quietLimit?: Duration | undefined;
  /** Expectations, such as `'exit==0'`; absent: every step must exit with 0. */
  expect?: readonly string[] | undefined;
  /** CPUs that gate and command are bound to: `'0,2-3'` or numbers; absent: not bound. */
  cpus?: string | readonly number[] | null | undefined;
  /** Whether address-space randomisation is left on; absent: false. */
  aslr?: boolean | undefined;
  /** Name or number of the user that runs the command; absent: that of this process. */
  user?: string | number | null | undefined;
  /** Working directory; absent: that of this process. */
  cwd?: string | undefined;
  /** Variables in addition to those of this process. */
  env?: Readonly<Record<string, string>> | undefined;
  /** Whether the command receives only the variables in `env`; absent: false. */
  clearEnv?: boolean | undefined;
  /** Where stdout and stderr of every step go; absent: `'inherit'` for `run`, `'null'` for experiments. */
  output?: 'inherit' | 'null' | Readonly<{ file: string }> | undefined;
  /** Interval between samples; absent: 50 ms. */
  sample?: Duration | 'off' | null | undefined;
  /** Seed of all random choices. */
  seed?: number | null | undefined;
  /** Addresses of calls to fail: `'0.1/17:mmap'`; `'0.1/17:mmap+'` also fails all later ones, `'0.1/17'` any call. */
  inject?: readonly string[] | undefined;
}>;

/** The input from which normaliseSpec recreates the same spec, if folders, files and kernels still exist. */
export function inputOf(spec: RunSpec): RunRequest {
  const { limits, vm, timeoutMs, graceMs, holdMs, quietForMs, quietLimitMs, sampleMs, template, ...rest } = spec;
  const { command, then, plan, ...same } = rest;
  return {
    ...same,
    ...limits,
    ...(vm === null ? {} : { vmMemory: vm.memory, vmCpus: vm.cpus, rw: vm.rw, ...(vm.fresh ? { freshVm: true } : {}) }),
    timeout: timeoutMs,
    grace: graceMs,
    hold: holdMs,
    quietFor: quietForMs,
    quietLimit: quietLimitMs,
    sample: sampleMs,
    // The strings as written come last, since the values that a run filled in are gone with it.
    ...(template !== null ? writtenIn(template, rest.env) : plan === null ? { command, then } : { plan }),
  } as RunRequest;
}

function writtenIn({ input, ...rest }: Template, env: RunSpec['env']): Partial<PlanInput> {
  return { ...input, env: { ...env, ...(input.env as RunSpec['env'] | undefined) }, template: rest };
}

/** The option for an input key, for messages and for commands to copy: `kmemTcp` → `--kmem-tcp`. */
export function optionName(key: string): string {
  return key === 'inject' ? '--fail' : `--${kebab(key)}`;
}

export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** A condition to wait for: one of `port`, `file`, `log` and `http`. `within` is the longest wait; absent: 10 s. */
export type AwaitedInput = Readonly<{
  /** A process listens on this port. */
  port?: number | string | undefined;
  /** Address of the port; absent: 127.0.0.1. */
  host?: string | undefined;
  /** The file exists. With `log`, the file to search; absent: the output of the steps. */
  file?: string | undefined;
  /** A line matches this regular expression. */
  log?: string | undefined;
  /** This URL is answered with a status below 400. */
  http?: string | undefined;
  within?: Duration | undefined;
}>;

/**
 * A step as written in a scenario file or for the library. Exactly one of `run`, `http`, `signal`, `limits` and `wait`
 * is present.
 */
export type StepInput = Readonly<{
  name?: string | undefined;
  /** A line for `sh -c`, or a program and its arguments. */
  run?: string | readonly string[] | undefined;
  /** With `run`: whether the program runs outside the group, as a client; absent: false. */
  outside?: boolean | undefined;
  /** With `run`: whether the next step starts without waiting for its end; absent: false. */
  background?: boolean | undefined;
  /** With `run`: what the next step waits for; absent: the end of this step, or nothing after a background step. */
  ready?: AwaitedInput | undefined;
  /** With `background`: the signal that stops it after the last step; absent: TERM. */
  stop?: string | undefined;
  /** With `run`: name of the background step that this one stops. It may be killed by a signal, and is waited for. */
  stops?: string | undefined;
  /** With `run`: variables in addition to those of the run, and the working directory. */
  env?: Readonly<Record<string, string>> | undefined;
  cwd?: string | undefined;
  http?:
    | string
    | Readonly<{
        url: string;
        method?: string | undefined;
        headers?: Readonly<Record<string, string>> | undefined;
        body?: string | undefined;
      }>
    | undefined;
  /** With `http`: how long the request is retried until the response is as expected; absent: one try. */
  within?: Duration | undefined;
  /** A signal, `TERM` or `SIGTERM`. `to` is its recipient: `group`, `{ step: NAME }` or `{ pidFile: FILE }`. */
  signal?: string | undefined;
  to?: 'group' | Readonly<{ step?: string | undefined; pidFile?: string | undefined }> | undefined;
  limits?:
    | Readonly<{
        kmem?: Size | null | undefined;
        mem?: Size | null | undefined;
        memsw?: Size | null | undefined;
        kmemTcp?: Size | null | undefined;
        pids?: number | string | null | undefined;
      }>
    | undefined;
  /** A duration, `empty`, or a condition; `{ step: NAME }` waits for the end of a background step. */
  wait?: Duration | (AwaitedInput & Readonly<{ step?: string | undefined; empty?: boolean | undefined }>) | undefined;
  expect?: string | readonly string[] | undefined;
  timeout?: Duration | null | undefined;
}>;

/** What a run needs in addition to its steps if their texts contain placeholders, as those of a scenario do. */
export type TemplateInput = Readonly<{
  /** Folder that replaces `${here}`; null: none. */
  here: string | null;
  setUp: readonly string[];
  cleanUp: readonly string[];
}>;

/** A run of steps of any kind, in place of `command` and its further steps. */
export type PlanInput = Omit<
  RunInput,
  'command' | 'then' | 'ready' | 'readyTimeout' | 'background' | 'stop' | 'plan' | 'template'
> &
  Readonly<{
    plan: readonly StepInput[];
    /** If present, placeholders are filled in. */
    template?: TemplateInput | undefined;
  }>;

/** The request for a run: a command and its further steps, or a plan. */
export type RunRequest = RunInput | PlanInput;

/** The command, or that of the first step in the group, as written. */
export function commandIn(request: RunRequest): readonly string[] {
  if (!('plan' in request)) return request.command;
  const run = request.plan.find((step) => step.run !== undefined && step.outside !== true)?.run ?? [];
  return typeof run === 'string' ? [run] : run;
}
