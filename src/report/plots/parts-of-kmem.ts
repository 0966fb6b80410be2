/** Breakdown of the highest reading of kernel memory, if the kernel provides one. */

import type { EChartsOption } from 'echarts';
import type { Result, Step } from '../../result/schema.ts';
import { callOf, shownFailures } from '../../result/summary.ts';
import { counted, formatSize, groupDigits } from '../../text/figures.ts';
import { base, byteInterval, isNarrow, shorten, xAxis, yAxis } from './parts.ts';
import type { TimelineData, TimelinePlot } from './timeline.ts';
import type { Drawing, Look, Named, NumbersTable } from './types.ts';

export type PartsData = Readonly<{ parts: readonly Readonly<{ name: string; bytes: number }>[] }>;
export type PartsPlot = Named & Readonly<{ kind: 'parts'; data: PartsData }>;

export const partsOfKmem: Drawing<PartsData> = { option, numbers, height: ({ parts }) => 60 + parts.length * 30 };

function option({ parts }: PartsData, look: Look): EChartsOption {
  const { palette } = look;
  const most = Math.max(0, ...parts.map(({ bytes }) => bytes));
  return {
    ...base(look),
    grid: { left: 110, right: 76, top: 8, bottom: 34 },
    xAxis: xAxis(look, {
      type: 'value',
      interval: byteInterval(most, isNarrow(look) ? 2 : 4),
      axisLabel: { color: palette.muted, showMaxLabel: false, formatter: (value: number) => formatSize(value) },
    }),
    yAxis: yAxis(look, {
      type: 'category',
      inverse: true,
      data: parts.map(({ name }) => shorten(name, 14)),
      axisTick: { show: false },
      axisLabel: { color: palette.text },
    }),
    series: [
      {
        id: 'parts',
        type: 'bar',
        barMaxWidth: 18,
        itemStyle: { color: palette.kmem },
        data: parts.map(({ bytes }) => bytes),
        label: {
          show: true,
          position: 'right',
          color: palette.text,
          formatter: ({ value }) => formatSize(Number(value)),
        },
      },
    ],
  };
}

function numbers({ parts }: PartsData): NumbersTable {
  return {
    caption: 'Parts of the highest reading of kernel memory',
    columns: [
      { title: 'part', unit: 'text' },
      { title: 'usage', unit: 'bytes' },
    ],
    rows: parts.map(({ name, bytes }) => [name, bytes]),
  };
}

export function timelineOf(result: Result, id: string): TimelinePlot {
  return { kind: 'timeline', id, title: 'Over time', about: aboutRun(result), data: timelineData(result) };
}

/** Null: the kernel reports no parts. */
export function partsOf({ kmem: { parts } }: Result, id: string): PartsPlot | null {
  if (parts === null) return null;
  const list = Object.entries(parts)
    .map(([name, bytes]) => ({ name, bytes }))
    .toSorted((a, b) => b.bytes - a.bytes);
  if (list.length === 0) return null;
  const about = `Parts of the highest reading of kernel memory: ${list.map(({ name, bytes }) => `${name} ${formatSize(bytes)}`).join(', ')}.`;
  return { kind: 'parts', id, title: 'Parts of the peak', about, data: { parts: list } };
}

export function timelineData(result: Result): TimelineData {
  const { samples, limits, steps, mem } = result;
  const column = (key: 'kmem' | 'mem' | 'rss' | 'processes') => samples.map((sample) => sample[key]);
  return {
    samples: {
      atMs: samples.map(({ atMs }) => atMs),
      kmem: column('kmem'),
      mem: column('mem'),
      rss: column('rss'),
      processes: column('processes'),
    },
    limits: { kmem: limits.kmem, mem: limits.mem },
    failures: shownFailures(result).failures.map((failure) => {
      const { atMs, usage, comm, pid, detail, errno, step, address, injected } = failure;
      return { atMs, usage, comm, pid, syscall: callOf(failure), detail, errno, step, address, injected };
    }),
    steps: steps.flatMap((step, index) => bandOf(step, steps[index + 1])),
    oomKillAtMs: mem.oomKillAtMs,
  };
}

/** The time that others had to wait for it; if its end was not seen, until the next step began. */
function bandOf(step: Step, next: Step | undefined): TimelineData['steps'] {
  const { atMs, wallMs, readyMs, background } = step;
  if (atMs === null) return [];
  const took = background ? (readyMs ?? wallMs) : wallMs;
  const toMs = took === null ? next?.atMs : atMs + took;
  return toMs == null ? [] : [{ name: step.name ?? step.command, fromMs: atMs, toMs }];
}

function aboutRun(result: Result): string {
  const { kmem, limits, samples } = result;
  const { failures, failureCounts } = shownFailures(result);
  const peak = kmem.maxUsage === null ? 'peak not read' : `peak ${formatSize(kmem.maxUsage)}`;
  const limit = limits.kmem === null ? 'no kmem limit' : `limit ${formatSize(limits.kmem)}`;
  const total = failureCounts.reduce((sum, { count }) => sum + count, 0);
  const failed =
    total === 0
      ? 'no call failed'
      : `${counted(total, 'call')} failed, of which ${groupDigits(failures.length)} are marked`;
  return `Kernel memory, memory and processes of the group over time, in ${counted(samples.length, 'sample')}: ${peak}, ${limit}, ${failed}.`;
}
