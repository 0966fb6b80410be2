import { readOrNull } from '../host/read-file.ts';
import { type CounterFiles, parseAmount, parseKeyed, v1, v2 } from './files.ts';
import { nestedGroups } from './nested.ts';
import type { CounterReading, Group, GroupReading } from './types.ts';

/**
 * The group's counters, nested groups included. A figure is null if its file is absent or unreadable; a failcnt of 0 is
 * also null if the limit was reached: the kernel does not count there.
 */
export function readCounters(group: Group): GroupReading {
  const { memory, kmem, pids } = group;
  const counted = kmem === null ? null : { kmem: readCounter(kmem, v1.kmem) };
  if (group.version === 2)
    return { ...readCountersV2(memory), ...counted, pids: pids === null ? null : readPids(pids) };
  return {
    kmem: readCounter(kmem ?? memory, v1.kmem),
    mem: { ...readCounter(memory, v1.mem), oomKills: readOomKills(memory) },
    memsw: presentOnly(readCounter(memory, v1.memsw)),
    kmemTcp: presentOnly(readCounter(memory, v1.kmemTcp)),
    pids: pids === null ? null : readPids(pids),
  };
}

/**
 * CPU time of the group since its start, in milliseconds, including dead processes; null without a unified hierarchy.
 * cgroup-v2.rst: `cpu.stat` has these figures whether or not the cpu controller is enabled.
 */
export function readCpu(group: Group): { userMs: number; systemMs: number } | null {
  const text = group.unified === null ? null : readOrNull(`${group.unified}/${v2.cpuStat}`);
  if (text === null) return null;
  const user = parseKeyed(text, 'user_usec');
  const system = parseKeyed(text, 'system_usec');
  return user === null || system === null ? null : { userMs: user / 1000, systemMs: system / 1000 };
}

function readCounter(directory: string, files: CounterFiles): CounterReading {
  const amount = (file: string) => parseAmount(readOrNull(`${directory}/${file}`) ?? '');
  const maxUsage = amount(files.maxUsage);
  const failcnt = amount(files.failcnt);
  // Newer kernels update failcnt for memory alone (seen on 6.18): elsewhere it stays 0 while the limit refuses charges.
  // Kernels with a kmem limit update it for that too.
  const doubtful = files !== v1.kmem && failcnt === 0 && maxUsage !== null && maxUsage > 0;
  const limit = doubtful ? amount(files.limit) : null;
  const unbelievable = limit !== null && maxUsage !== null && maxUsage >= limit;
  return { usage: amount(files.usage), maxUsage, failcnt: unbelievable ? null : failcnt };
}

function presentOnly(reading: CounterReading): CounterReading | null {
  return reading.usage === null && reading.maxUsage === null && reading.failcnt === null ? null : reading;
}

/** On v1 a kill is counted in the victim's own cgroup only, so nested ones are added up. */
function readOomKills(memory: string): number | null {
  const own = oomKillsOf(memory);
  if (own === null) return null;
  return nestedGroups(memory).reduce((total, nested) => total + (oomKillsOf(nested) ?? 0), own);
}

function oomKillsOf(directory: string): number | null {
  return parseKeyed(readOrNull(`${directory}/${v1.oomControl}`) ?? '', 'oom_kill');
}

function readPids(directory: string): GroupReading['pids'] {
  return {
    current: parseAmount(readOrNull(`${directory}/${v1.pids.current}`) ?? ''),
    max: parseAmount(readOrNull(`${directory}/${v1.pids.peak}`) ?? ''),
    failcnt: parseKeyed(readOrNull(`${directory}/${v1.pids.events}`) ?? '', 'max'),
  };
}

/** The same as readCounters(), but without pids. Figures that v2 does not keep are null: the highest kmem and swap. */
export function readCountersV2(group: string): Omit<GroupReading, 'pids'> {
  const amount = (file: string) => parseAmount(readOrNull(`${group}/${file}`) ?? '');
  // Up to Linux 6.15 this updates memory.stat; on later kernels the helper does so continually.
  readOrNull(`${group}/${v2.cpuStat}`);
  const stat = readOrNull(`${group}/${v2.stat}`) ?? '';
  const events = readOrNull(`${group}/${v2.events}`) ?? '';
  const usage = amount(v2.current);
  const swap = amount(v2.swap.current);
  const sock = parseKeyed(stat, 'sock');
  return {
    kmem: { usage: kmemOf(stat), maxUsage: null, failcnt: null },
    mem: {
      usage,
      maxUsage: amount(v2.peak),
      failcnt: parseKeyed(events, 'max'),
      oomKills: parseKeyed(events, 'oom_kill'),
    },
    memsw: swap === null || usage === null ? null : { usage: usage + swap, maxUsage: null, failcnt: null },
    kmemTcp: sock === null ? null : { usage: sock, maxUsage: null, failcnt: null },
  };
}

/**
 * The parts of kernel memory where the kernel does not add them up itself. The sum holds from 5.11 on: before, page
 * tables are missing.
 */
const PARTS = ['slab', 'kernel_stack', 'pagetables', 'percpu', 'vmalloc'];

/**
 * Kernel memory from the text of a memory.stat: `kernel` (Linux 5.18), otherwise the sum of its parts; null if any is
 * missing.
 */
export function kmemOf(stat: string): number | null {
  const kernel = parseKeyed(stat, 'kernel');
  if (kernel !== null || parseKeyed(stat, 'pagetables') === null) return kernel;
  return PARTS.reduce((sum, part) => sum + (parseKeyed(stat, part) ?? 0), 0);
}
