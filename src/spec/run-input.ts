import type { Duration } from './duration.ts';
import type { CgroupVersion, Enforce } from './run-spec.ts';
import type { Size } from './size.ts';

/**
 * What a caller of the library asks for; everything but the command may be left out (`undefined` is left out too).
 * Sizes are bytes or `'1M'`; durations are milliseconds or `'1.5s'` (in a text a bare number is seconds).
 * `null`, where it may be given, means none: no limit, not bound, no samples. `normaliseSpec` has the defaults.
 */
export type RunInput = Readonly<{
  /** The program and its arguments, handed on as they are. */
  command: readonly string[];
  /** Further steps, each by `sh -c` in the same group. */
  then?: readonly string[] | undefined;
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
  wait?: 'exit' | 'empty' | undefined;
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
