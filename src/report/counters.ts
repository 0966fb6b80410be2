/** The rows of figures: kernel memory, memory, the other counters that were asked for or moved. */

import type { Result } from '../result/schema.ts';
import type { Row } from './layout.ts';
import { number, ofLimit, shortSize, size } from './words.ts';

type Counter = Readonly<{ maxUsage: number | null; usage: number | null; failcnt: number | null }>;

export function counterRows(result: Result, verbose: boolean): Row[] {
  const { limits, mem, memsw, kmemTcp, pids } = result;
  const rows = [kmemRow(result, verbose), memoryRow(result, verbose)];
  const swapped = memsw !== null && mem.maxUsage !== null && memsw.maxUsage !== null && memsw.maxUsage > mem.maxUsage;
  if (memsw !== null && (verbose || limits.memsw !== null || swapped || isHit(memsw))) {
    rows.push({ label: 'memory+swap', lines: [counterText(memsw, ofLimit(result, 'memsw', size), verbose)] });
  }
  if (kmemTcp !== null && (verbose || limits.kmemTcp !== null || isHit(kmemTcp))) {
    rows.push({ label: 'TCP buffers', lines: [counterText(kmemTcp, ofLimit(result, 'kmemTcp', size), verbose)] });
  }
  if (pids !== null && (verbose || limits.pids !== null || (pids.failcnt ?? 0) > 0)) {
    const limit = ofLimit(result, 'pids', number);
    rows.push({ label: 'processes', lines: [`at most ${number(pids.max)}${limit}, failcnt ${number(pids.failcnt)}`] });
  }
  return rows;
}

function kmemRow(result: Result, verbose: boolean): Row {
  const { kmem, enforcement } = result;
  const text = [
    counterText(kmem, ofLimit(result, 'kmem', size), verbose),
    ...(kmem.overshoot === null ? [] : [`overshoot ${size(kmem.overshoot)}`]),
    ...(kmem.uncertainty === null || kmem.uncertainty === 0 ? [] : [`give or take ${size(kmem.uncertainty)}`]),
    ...(kmem.maxUsageSource === 'samples' ? ['the highest that a sample saw'] : []),
    ...(verbose && enforcement.reserve !== null ? [`reserve ${size(enforcement.reserve)}`] : []),
  ].join(', ');
  return { label: 'kmem', lines: [text, ...whereItWent(kmem, verbose ? size : shortSize)] };
}

const PARTS: Readonly<Record<string, string>> = {
  kernel_stack: 'stacks',
  pagetables: 'page tables',
  percpu: 'per-CPU data',
};

/** What the peak was made up of, the largest first. Buffers of sockets are none of it. */
function whereItWent({ parts, maxUsage }: Result['kmem'], say: (bytes: number) => string): string[] {
  if (parts === null || maxUsage === null) return [];
  const { sock, ...inKmem } = parts;
  const known = Object.values(inKmem).reduce((sum, bytes) => sum + bytes, 0);
  const shares = Object.entries({ ...inKmem, other: Math.max(0, maxUsage - known) })
    .filter(([, bytes]) => bytes > 0)
    .toSorted(([, a], [, b]) => b - a)
    .map(([name, bytes]) => `${PARTS[name] ?? name} ${say(bytes)}`);
  const apart = sock === undefined || sock === 0 ? [] : [`beside it buffers of sockets ${say(sock)}`];
  return shares.length === 0 ? [] : [`where it went: ${[...shares, ...apart].join(', ')}`];
}

function memoryRow(result: Result, verbose: boolean): Row {
  const { mem } = result;
  const oomKills = (mem.oomKills ?? 0) > 0 ? `, OOM kills ${number(mem.oomKills)}` : '';
  return { label: 'memory', lines: [`${counterText(mem, ofLimit(result, 'mem', size), verbose)}${oomKills}`] };
}

function counterText({ maxUsage, usage, failcnt }: Counter, limit: string, verbose: boolean): string {
  return `peak ${size(maxUsage)}${limit === '' ? ' (no limit)' : limit}, failcnt ${number(failcnt)}${verbose ? `, at the end ${size(usage)}` : ''}`;
}

function isHit({ failcnt }: Counter): boolean {
  return (failcnt ?? 0) > 0;
}
