/** Of a result, what is compared; the rest of it need not be held while thousands are. */

import type { Result } from '../result/schema.ts';
import { kernelOf } from './columns.ts';
import type { StoredRun } from './types.ts';

export type Sample = Readonly<{
  id: string;
  /** What was asked for that makes runs comparable or not: a sweep varies one or more of these. */
  settings: Readonly<Record<Setting, string | number | null>>;
  /** What else a reader of a comparison should know to be equal. */
  circumstances: Readonly<Record<string, string>>;
  outcome: string;
  /** How each step ended: `exit 0, exit 1`. */
  ends: string;
  figures: Readonly<Record<Figure, number | null>>;
  /** A memory limit was asked for: only then the peak of memory says something about the limit. */
  memoryLimited: boolean;
  /** Failed calls: `apache2: mmap (ENOMEM)` → how often. */
  calls: ReadonlyMap<string, number>;
}>;

export const limits = ['kmem', 'mem', 'memsw', 'kmemTcp', 'pids'] as const;
const settings = [...limits, 'kernel', 'enforce', 'inject'] as const;
const figures = ['kmem.maxUsage', 'kmem.failcnt', 'mem.maxUsage'] as const;

export type Setting = (typeof settings)[number];
export type Figure = (typeof figures)[number];

export function sampleOf({ result }: StoredRun): Sample {
  return sampleOfResult(result);
}

export function sampleOfResult(result: Result): Sample {
  const { spec, kmem, mem, failureCounts } = result;
  return {
    id: result.id,
    settings: { ...spec.limits, kernel: spec.kernel, enforce: spec.enforce, inject: spec.inject?.join(' ') || null },
    circumstances: circumstancesOf(result),
    outcome: result.outcome,
    ends: result.steps
      .map(({ exit }) => exit.signal ?? (exit.code === null ? 'no end seen' : `exit ${exit.code}`))
      .join(', '),
    figures: { 'kmem.maxUsage': kmem.maxUsage, 'kmem.failcnt': kmem.failcnt, 'mem.maxUsage': mem.maxUsage },
    memoryLimited: spec.limits.mem !== null || spec.limits.memsw !== null,
    calls: new Map(
      failureCounts.map(({ comm, syscall, errno, count }) => [
        `${comm ?? '(name not read)'}: ${syscall} (${errno ?? 'no errno'})`,
        count,
      ]),
    ),
  };
}

function circumstancesOf(result: Result): Record<string, string> {
  const { spec, enforcement, environment } = result;
  const words = (value: unknown): string => (value == null ? 'none' : String(value));
  return {
    command: spec.command.join(' '),
    steps: spec.then.join('; ') || 'none',
    enforcement: words(enforcement.mode),
    reserve: words(enforcement.reserve),
    kernel: kernelOf(result),
    cgroup: words(environment.cgroup),
    CPUs:
      spec.cpus == null
        ? `not bound, of ${environment.cpus}`
        : `bound to ${spec.cpus.join(', ')}, of ${environment.cpus}`,
    randomisation: environment.aslr ? 'on' : 'off',
    user: spec.user ?? "the runner's",
    memory: words(environment.memTotal),
    swap: words(environment.swapTotal),
    'kmem-run': environment.kmemRun,
  };
}
