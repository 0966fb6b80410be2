/**
/**
 * The protocol between the host and the runner inside the microVM over the port `kmem.runner`: requests, a line of JSON
 * each, and after each request lines of JSON from inside.
 */
import type { Process } from '../cgroup/processes.ts';
import type { NativeModule } from '../kernels/types.ts';
import type { RunSpec } from '../request/run-spec.ts';

export type RunnerRequest = Readonly<{
  /** Id of the run, which also names its group inside. */
  id: string;
  spec: RunSpec;
  /** Absolute path of the native helper. */
  helper: string;
  /** For `--enforce native`. */
  module: NativeModule;
  /** The user that runs the command unless the spec names one; null for root. */
  identity: Readonly<{ uid: number; gid: number; groups: readonly number[]; name: string; home: string }> | null;
  /** Whether samples and failures are sent during a run. */
  progress: boolean;
  /** A process in the run's namespaces. */
  holder: number;
  /** The paths of its streams, to be opened; null for the runner's own. */
  streams: Readonly<{ stdin: string | null; stdout: string | null; stderr: string | null }>;
  /** Whether the run stays with a daemon until Ctrl-C, as on a terminal. */
  stay: boolean;
}>;

export type RunnerEvent =
  /** It has started, and waits for a request. */
  | Readonly<{ event: 'up' }>
  /** The request is read, the streams are open, and the run begins. */
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
  | Readonly<{ event: 'code-cache'; data: string }>
  /** All is told of this run. `oomKillsOutside`: the kernel killed others than the group's processes. */
  | Readonly<{ event: 'done'; oomKillsOutside: boolean }>;

/** Descriptor of the port in the runner. */
export const RUNNER_FD = 3;
