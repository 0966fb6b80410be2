import type { Duration } from './duration.ts';
import type { CgroupVersion, Enforce, Wait } from './run-spec.ts';
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
  allowIoUring?: boolean | undefined;
  onOverrun?: 'note' | 'kill' | undefined;
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
