/** The values below the pointer, in words under the plot. */

import { formatDuration } from '../../../spec/duration.ts';
import type { Plot } from '../../plots/index.ts';
import { fullText } from '../../plots/parts.ts';

/** Null: this kind of plot has none. */
export function readoutAt(plot: Plot, atMs: number): string | null {
  if (plot.kind === 'timeline') {
    const { samples } = plot.data;
    const at = nearest(samples.atMs, atMs);
    const time = samples.atMs[at];
    if (time === undefined) return null;
    const [kmem, mem, processes] = [samples.kmem[at] ?? null, samples.mem[at] ?? null, samples.processes[at] ?? null];
    return `${formatDuration(time)}: kernel memory ${fullText(kmem, 'bytes', 'not read')}, memory ${fullText(mem, 'bytes', 'not read')}, processes ${fullText(processes, 'count', 'not read')}`;
  }
  if (plot.kind !== 'comparison') return null;
  const sides = plot.data.runs.map(({ atMs: times, kmem, side }) => {
    const at = nearest(times, atMs);
    return `${side === 0 ? 'A' : 'B'} ${fullText(kmem[at] ?? null, 'bytes', 'not read')}`;
  });
  return `${formatDuration(atMs)}: ${sides.join(', ')}`;
}

function nearest(times: readonly number[], wanted: number): number {
  let [low, high] = [0, times.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= wanted) low = middle;
    else high = middle;
  }
  return Math.abs((times[low] ?? 0) - wanted) <= Math.abs((times[high] ?? 0) - wanted) ? low : high;
}
