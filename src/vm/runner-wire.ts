/**
 * The protocol between the host and the runner inside the microVM over the port `kmem.runner`: one request (a line of
 * JSON), then lines of JSON from inside.
 */
import type { Process } from '../cgroup/processes.ts';
import type { RunSpec } from '../request/run-spec.ts';

export type RunnerRequest = Readonly<{
  /** Id of the run, which also names its group inside. */
  id: string;
  spec: RunSpec;
  /** Absolute path of the native helper. */
  helper: string;
  /** The user that runs the command unless the spec names one; null for root. */
  identity: Readonly<{ uid: number; gid: number; groups: readonly number[]; name: string; home: string }> | null;
  /** Whether samples and failures are sent during a run. */
  progress: boolean;
  /** Whether the run stays with a daemon until Ctrl-C, as on a terminal. */
  stay: boolean;
}>;

export type RunnerEvent =
  /** The request is read, and the run begins. */
  | Readonly<{ event: 'ready' }>
  | Readonly<{ event: 'progress'; progress: unknown }>
  | Readonly<{ event: 'failure'; failure: unknown }>
  /** It stays with these. */
  | Readonly<{ event: 'stay'; processes: readonly Process[] }>
  /** `result`: in schema version 1; its `error` is set if the run could not be performed. */
  | Readonly<{ event: 'result'; result: unknown }>
  /** A signal from inside (Ctrl-C on the guest's terminal) interrupted the run. */
  | Readonly<{ event: 'interrupted'; signal: string }>
  /** V8's code cache of the guest's bundle, base64: the next guest starts faster with it. */
  | Readonly<{ event: 'code-cache'; data: string }>;

/** Descriptor of the port in the runner. */
export const RUNNER_FD = 3;
