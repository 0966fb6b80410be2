/** Which CPUs the jobs of an experiment are bound to: runs that share one would measure each other. */

import { readFileSync } from 'node:fs';
import { parseCpuList } from '../host/cpus.ts';
import type { Job } from './driver.ts';

export type Assignment = Readonly<{
  jobs: readonly Job[] /** Some jobs have to share a CPU. */;
  sharing: boolean;
}>;

/**
 * One CPU for each job, from the last one down, since the first handles most of the machine's interrupts; if CPUs were
 * requested (`given`), all of them are distributed.
 */
export function assignCpus(count: number, given: readonly number[] | null, allowed: readonly number[]): Assignment {
  const cpus = given ?? [...allowed].reverse().slice(0, count);
  if (cpus.length === 0) return { jobs: Array.from({ length: count }, () => ({ cpus: null })), sharing: count > 1 };
  const jobs = Array.from({ length: count }, (_, job): Job => {
    const own = cpus.filter((_, index) => index % count === job);
    return { cpus: own.length > 0 ? own.toSorted((a, b) => a - b) : [cpus[job % cpus.length] ?? 0] };
  });
  return { jobs, sharing: count > cpus.length };
}

/** The CPUs that this process may use (proc_pid_status(5)); none if the kernel does not report them. */
export function allowedCpus(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(\S+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1];
    return parseCpuList(list ?? '') ?? [];
  } catch {
    return [];
  }
}
