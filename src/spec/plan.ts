/**
 * The steps of a run as data: what happens while its group lives, in the group and beside it. A run without a plan has
 * `command` and `then`. Every key is present, times are milliseconds, sizes are bytes.
 */
import type { Limits } from './run-spec.ts';

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
