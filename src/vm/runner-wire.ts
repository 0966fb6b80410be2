/**
 * What the host and the runner inside the microVM say to each other over the port `kmem.runner`: one request, a line of
 * JSON, and then lines of JSON from inside.
 */
import type { Process } from '../cgroup/processes.ts';
import type { RunSpec } from '../request/run-spec.ts';

export type RunnerRequest = Readonly<{
  /** Of the run; its group inside is named after it too. */
  id: string;
  spec: RunSpec;
  /** Absolute path of the native helper. */
  helper: string;
  /** Whom the command runs as unless the spec names a user; null: root. */
  identity: Readonly<{ uid: number; gid: number; groups: readonly number[]; name: string; home: string }> | null;
  /** Whether samples and failures are sent while a run goes on. */
  progress: boolean;
  /** Whether the run stays with a daemon until Ctrl-C: a terminal looks on. */
  stay: boolean;
}>;

export type RunnerEvent =
  /** The request is read, and the run begins. */
  | Readonly<{ event: 'ready' }>
  | Readonly<{ event: 'progress'; progress: unknown }>
  | Readonly<{ event: 'failure'; failure: unknown }>
  /** It stays with these. */
  | Readonly<{ event: 'stay'; processes: readonly Process[] }>
  /** `result`: of schema version 1; its `error` is set where the run could not be made. */
  | Readonly<{ event: 'result'; result: unknown }>
  /** A signal from inside (Ctrl-C on the guest's terminal) interrupted the run. */
  | Readonly<{ event: 'interrupted'; signal: string }>
  /** V8's code cache of the guest's bundle, base64: the next guest starts faster with it. */
  | Readonly<{ event: 'code-cache'; data: string }>;

/** Descriptor of the port in the runner. */
export const RUNNER_FD = 3;
