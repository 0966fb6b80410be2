import { parseAmount, parseKeyed, readOrNull, v2 } from './files.ts';
import type { GroupReading } from './types.ts';

/** The same as readCounters() but for pids. What v2 does not keep is null: the highest of kmem, and of swap. */
export function readCountersV2(group: string): Omit<GroupReading, 'pids'> {
  const amount = (file: string) => parseAmount(readOrNull(`${group}/${file}`) ?? '');
  // Up to Linux 6.15 this brings memory.stat up to date; later it is the helper that does, all the time.
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

/** What makes up kernel memory where the kernel does not add it up itself. The sum of 5.11 on: before, page tables lack. */
const PARTS = ['slab', 'kernel_stack', 'pagetables', 'percpu', 'vmalloc'];

/** Kernel memory by the text of a memory.stat: `kernel` (Linux 5.18), else its parts; null where those are not all told. */
export function kmemOf(stat: string): number | null {
  const kernel = parseKeyed(stat, 'kernel');
  if (kernel !== null || parseKeyed(stat, 'pagetables') === null) return kernel;
  return PARTS.reduce((sum, part) => sum + (parseKeyed(stat, part) ?? 0), 0);
}
