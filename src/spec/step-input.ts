import type { Duration } from './duration.ts';
import type { RunInput } from './run-input.ts';
import type { Size } from './size.ts';

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
