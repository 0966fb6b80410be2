import type { Duration } from './duration.ts';
import type { CgroupVersion, Enforce, RunSpec, Template, Wait } from './run-spec.ts';
import type { Size } from './size.ts';
export type FurtherStep = string | Readonly<{ client: string }>;

/**
 * What a caller of the library asks for; everything but the command may be left out (`undefined` is left out too).
 * Sizes are bytes or `'1M'`; durations are milliseconds or `'1.5s'` (in a text a bare number is seconds).
 * `null`, where it may be given, means none: no limit, not bound, no samples. `normaliseSpec` has the defaults.
 */
export type RunInput = Readonly<{
  /** The program and its arguments, handed on as they are. */
  command: readonly string[];
  /** Further steps, each by `sh -c`: in the same group, or outside it as a `client`, whose memory is not counted. */
  then?: readonly FurtherStep[] | undefined;
  /**
   * What the first further step waits for: `tcp:PORT`, `tcp:HOST:PORT`, `http://…`, `file:PATH` or `output:REGEX`. A
   * command that still runs then is a server: the further steps run beside it, and it is ended after the last one.
   * Beside `ready`, `background`, `stop` or a `client`, `${port}`, `${port.NAME}` and `${dir}` in texts stand for free
   * ports and a private folder of the run.
   */
  ready?: string | null | undefined;
  /** How long `ready` is waited for (10s). */
  readyTimeout?: Duration | undefined;
  /** The further steps do not wait for the command to exit; it is ended after the last one. */
  background?: boolean | undefined;
  /** What ends a server after the last step: a signal (TERM), or a line for `sh -c` in the group. */
  stop?: string | undefined;
  kmem?: Size | null | undefined;
  mem?: Size | null | undefined;
  /** Memory and swap together: needs `mem`, and is not below it. */
  memsw?: Size | null | undefined;
  kmemTcp?: Size | null | undefined;
  pids?: number | string | null | undefined;
  enforce?: Enforce | undefined;
  /** Name of the kernel to boot in a microVM. */
  kernel?: string | null | undefined;
  /** Memory of the microVM; needs `kernel`, as do the next two. */
  vmMemory?: Size | null | undefined;
  /** Its processors. */
  vmCpus?: number | string | null | undefined;
  /** Folders of the host that the command may write to; all else that it writes is gone with the microVM. */
  rw?: readonly string[] | undefined;
  cgroup?: CgroupVersion | undefined;
  parent?: string | null | undefined;
  /** Kept free below the kmem limit by the gate; null: the gate's own default. */
  reserve?: Size | null | undefined;
  errno?: 'native' | 'enomem' | undefined;
  reclaim?: boolean | undefined;
  rcuWait?: boolean | undefined;
  allowIoUring?: boolean | undefined;
  onOverrun?: 'note' | 'kill' | undefined;
  onFault?: 'sigbus' | 'kill' | 'note' | undefined;
  onEscape?: 'note' | 'kill' | undefined;
  /** File for a line of JSON about each gated call. */
  traceGate?: string | null | undefined;
  timeout?: Duration | null | undefined;
  grace?: Duration | undefined;
  hold?: Duration | undefined;
  /**
   * When the run is over: when the last step has exited and the group is empty or quiet (`quiet`), when the last step has
   * exited (`exit`), or when the group is empty (`empty`).
   */
  wait?: Wait | undefined;
  /** For `quiet`: no process starts or ends, no call is denied and no new peak is reached for this long (500ms). */
  quietFor?: Duration | undefined;
  /** The longest wait for that (5s). */
  quietLimit?: Duration | undefined;
  expect?: readonly string[] | undefined;
  /** `'0,2-3'` or numbers. */
  cpus?: string | readonly number[] | null | undefined;
  aslr?: boolean | undefined;
  user?: string | number | null | undefined;
  cwd?: string | undefined;
  env?: Readonly<Record<string, string>> | undefined;
  clearEnv?: boolean | undefined;
  output?: 'inherit' | 'null' | Readonly<{ file: string }> | undefined;
  sample?: Duration | 'off' | null | undefined;
  seed?: number | null | undefined;
  /** Calls to fail, by address: `'0.1/17:mmap'`, `'0.1/17:mmap+'` for all later ones too, `'0.1/17'` for any call. */
  inject?: readonly string[] | undefined;
}>;

/** What normaliseSpec makes the same spec of again: where folders, files and kernels are still there. */
export function inputOf(spec: RunSpec): RunRequest {
  const { limits, vm, timeoutMs, graceMs, holdMs, quietForMs, quietLimitMs, sampleMs, template, ...rest } = spec;
  const { command, then, plan, ...same } = rest;
  return {
    ...same,
    ...limits,
    ...(vm === null ? {} : { vmMemory: vm.memory, vmCpus: vm.cpus, rw: vm.rw }),
    timeout: timeoutMs,
    grace: graceMs,
    hold: holdMs,
    quietFor: quietForMs,
    quietLimit: quietLimitMs,
    sample: sampleMs,
    // The texts as they were written, last: what one run filled in is gone with it.
    ...(template !== null ? writtenIn(template, rest.env) : plan === null ? { command, then } : { plan }),
  } as RunRequest;
}

function writtenIn({ input, ...rest }: Template, env: RunSpec['env']): Partial<PlanInput> {
  return { ...input, env: { ...env, ...(input.env as RunSpec['env'] | undefined) }, template: rest };
}

/** How the command line calls an input key, for messages and for lines to copy: `kmemTcp` → `--kmem-tcp`. */
export function optionName(key: string): string {
  return key === 'inject' ? '--fail' : `--${kebab(key)}`;
}

export function kebab(key: string): string {
  return key.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** One of `port`, `file`, `log` and `http`; `within` (10s) is how long it may take. */
export type AwaitedInput = Readonly<{
  /** Somebody listens there. */
  port?: number | string | undefined;
  /** 127.0.0.1. */
  host?: string | undefined;
  /** The file is there; beside `log` the file to look into, else what the steps have written. */
  file?: string | undefined;
  /** A regular expression for a line. */
  log?: string | undefined;
  /** An answer below 400. */
  http?: string | undefined;
  within?: Duration | undefined;
}>;

/**
 * A step as people write it, in a scenario file or for the library. Exactly one of `run`, `http`, `signal`, `limits` and
 * `wait` says what it does.
 */
export type StepInput = Readonly<{
  name?: string | undefined;
  /** A line for `sh -c`, or a program and its arguments. */
  run?: string | readonly string[] | undefined;
  /** Beside `run`: outside the group, as a client. */
  outside?: boolean | undefined;
  /** Beside `run`: the next step does not wait for its end. */
  background?: boolean | undefined;
  /** Beside `run`: what the next step waits for. */
  ready?: AwaitedInput | undefined;
  /** Beside `background`: the signal that ends it after the last step (TERM). */
  stop?: string | undefined;
  /** Beside `run`: the background step that this one ends, by its name. It is waited for, and may die of a signal. */
  stops?: string | undefined;
  /** Beside `run`. */
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
  /** Beside `http`: tried again until it is answered as expected. */
  within?: Duration | undefined;
  /** `TERM` or `SIGTERM`; `to` is `group`, `{ step: NAME }` or `{ pidFile: FILE }`. */
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
  /** A duration, `empty`, or what to wait for; `{ step: NAME }` is the end of a background step. */
  wait?: Duration | (AwaitedInput & Readonly<{ step?: string | undefined; empty?: boolean | undefined }>) | undefined;
  expect?: string | readonly string[] | undefined;
  timeout?: Duration | null | undefined;
}>;

/** What a run needs beside its steps when their texts hold placeholders, as those of a scenario do. */
export type TemplateInput = Readonly<{
  /** The folder that `${here}` stands for; null: there is none. */
  here: string | null;
  setUp: readonly string[];
  cleanUp: readonly string[];
}>;

/** A run of several steps of any kind, instead of `command` and what goes with it. */
export type PlanInput = Omit<
  RunInput,
  'command' | 'then' | 'ready' | 'readyTimeout' | 'background' | 'stop' | 'plan' | 'template'
> &
  Readonly<{
    plan: readonly StepInput[];
    /** Present: placeholders are filled in. */
    template?: TemplateInput | undefined;
  }>;

/** What a run can be asked: a command and its further steps, or a plan. */
export type RunRequest = RunInput | PlanInput;

/** Its command, or that of the first step in the group, as it was written. */
export function commandIn(request: RunRequest): readonly string[] {
  if (!('plan' in request)) return request.command;
  const run = request.plan.find((step) => step.run !== undefined && step.outside !== true)?.run ?? [];
  return typeof run === 'string' ? [run] : run;
}
