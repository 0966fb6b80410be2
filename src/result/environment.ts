/** The machine, as far as it matters to a comparison. On the launch path of every run, so only one file is read. */

import { availableParallelism, release } from 'node:os';
import { versions } from 'node:process';
import type { Layout } from '../cgroup/types.ts';
import { readOrNull } from '../host/read-file.ts';
import { version } from '../version.ts';
import type { Result } from './schema.ts';

export type Environment = Result['environment'];

export type EnvironmentFacts = Readonly<{
  layout: Layout;
  /** Randomisation of the command's address space is left on. */
  aslr: boolean;
  /** This is the first run of this command; null: unknown. */
  cold: boolean | null;
}>;

export function readEnvironment({ layout, aslr, cold }: EnvironmentFacts): Environment {
  const meminfo = readOrNull('/proc/meminfo');
  return {
    kernel: release(),
    cgroup: layout === 'none' ? null : layout,
    cpus: availableParallelism(),
    memTotal: meminfoBytes(meminfo, 'MemTotal'),
    swapTotal: meminfoBytes(meminfo, 'SwapTotal'),
    aslr,
    cold,
    kmemRun: version,
    node: versions.node,
  };
}

/**
 * How often the processor package throttled itself since boot; null if the machine does not report it, like most
 * virtual ones.
 */
export function readThrottleCount(): number | null {
  const text = readOrNull('/sys/devices/system/cpu/cpu0/thermal_throttle/package_throttle_count')?.trim();
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : null;
}

/** Bytes of a key of /proc/meminfo, whose `kB` are 1,024 bytes (proc_meminfo(5)); null if it is missing. */
export function meminfoBytes(meminfo: string | null, key: string): number | null {
  const kib = new RegExp(`^${key}:\\s+(\\d+) kB$`, 'm').exec(meminfo ?? '')?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}
