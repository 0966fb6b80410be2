/** Two runs overlaid: kernel memory over time, with the limit of each. */

import type { EChartsOption, SeriesOption } from 'echarts';
import { formatDuration, formatSize } from '../../text/figures.ts';
import { base, byteInterval, isNarrow, legend, limitLine, shorten, timeZooms, xAxis, yAxis } from './parts.ts';
import type { Drawing, Look, Named, NumbersTable } from './types.ts';

export type ComparedRun = Readonly<{
  /** `A` or `B`, and the user's name for it. */
  label: string;
  side: 0 | 1;
  atMs: readonly number[];
  kmem: readonly (number | null)[];
  /** Bytes; null: none. */
  limit: number | null;
  /** When its calls failed. */
  failures: readonly Readonly<{ atMs: number; usage: number | null; text: string }>[];
}>;

export type ComparisonData = Readonly<{ runs: readonly ComparedRun[] }>;

export type ComparisonPlot = Named & Readonly<{ kind: 'comparison'; data: ComparisonData }>;

export const comparison: Drawing<ComparisonData> = { option, numbers, height: (_, width) => (width < 560 ? 320 : 380) };

function option({ runs }: ComparisonData, look: Look): EChartsOption {
  const { palette, live } = look;
  const values = runs.flatMap(({ kmem, limit, failures }) => [
    limit ?? 0,
    ...kmem.map((value) => value ?? 0),
    ...failures.map(({ usage }) => usage ?? 0),
  ]);
  const most = values.reduce((max, value) => Math.max(max, value), 0);
  const interval = byteInterval(most, 5);
  return {
    ...base(look),
    legend: legend(look),
    grid: { left: 72, right: isNarrow(look) ? 10 : 18, top: 44, bottom: live ? 74 : 34 },
    xAxis: xAxis(look, {
      type: 'value',
      min: 0,
      max: Math.max(1, ...runs.flatMap(({ atMs, failures }) => [atMs.at(-1) ?? 0, failures.at(-1)?.atMs ?? 0])),
      splitLine: { show: false },
      axisLabel: {
        color: palette.muted,
        hideOverlap: true,
        showMaxLabel: false,
        formatter: (value: number) => formatDuration(value),
      },
    }),
    yAxis: yAxis(look, {
      type: 'value',
      min: 0,
      max: Math.max(1, Math.ceil((most * 1.08) / interval)) * interval,
      interval,
      axisLabel: { color: palette.muted, formatter: (value: number) => formatSize(value) },
    }),
    ...(live ? { dataZoom: timeZooms(look, 1) } : {}),
    series: runs.flatMap((run, index) => seriesOf(run, index, look, runs)),
  };
}

/** A shared limit is labelled once. */
function seriesOf(
  { label, side, atMs, kmem, limit, failures }: ComparedRun,
  index: number,
  look: Look,
  runs: readonly ComparedRun[],
): SeriesOption[] {
  const color = look.palette.series[side] ?? look.palette.kmem;
  const isFirst = runs.findIndex((run) => run.limit === limit) === index;
  const shared = runs.every((run) => run.limit === limit);
  const name = shorten(label, 40);
  return [
    {
      id: `run-${index}`,
      name,
      type: 'line',
      data: kmem.map((value, at) => [atMs[at] ?? 0, value]),
      showSymbol: kmem.length === 1,
      sampling: 'lttb',
      silent: true,
      // Not by colour alone.
      lineStyle: { color, width: 2, type: side === 0 ? 'solid' : [7, 4] },
      itemStyle: { color },
      ...(limit === null || !isFirst
        ? {}
        : {
            markLine: limitLine(
              look,
              limit,
              `limit${shared ? '' : ` of ${side === 0 ? 'A' : 'B'}`} ${formatSize(limit)}`,
            ),
          }),
    },
    {
      id: `failures-${index}`,
      name,
      type: 'scatter',
      symbol: side === 0 ? 'diamond' : 'triangle',
      symbolSize: 9,
      z: 5,
      itemStyle: { color, borderColor: look.palette.surface, borderWidth: 0.8 },
      data: failures.map(({ atMs: at, usage }) => [at, usage ?? limit ?? 0]),
      tooltip: {
        formatter: (params: unknown) => `${name}\n${failures[(params as { dataIndex: number }).dataIndex]?.text ?? ''}`,
      },
    },
  ];
}

function numbers({ runs }: ComparisonData): NumbersTable {
  return {
    caption: 'Samples of both',
    columns: [
      { title: 'run', unit: 'text' },
      { title: 'at', unit: 'ms' },
      { title: 'kernel memory', unit: 'bytes', whenNull: 'not read' },
    ],
    rows: runs.flatMap(({ label, atMs, kmem }) => atMs.map((at, index) => [label, at, kmem[index] ?? null])),
  };
}
