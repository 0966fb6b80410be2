/** A run over time: kernel memory, memory, processes; the limits, the steps, every failure. */

import type { EChartsOption, SeriesOption } from 'echarts';
import { formatDuration, formatSize } from '../../text/figures.ts';
import { failureSeries, type TimelineFailure } from './failure.ts';
import { base, byteInterval, isNarrow, limitLine, shorten, timeZooms, xAxis, yAxis } from './parts.ts';
import type { Drawing, Look, Named, NumbersTable } from './types.ts';

type Series = readonly (number | null)[];

export type TimelineData = Readonly<{
  /** A value for each sample, column by column. */
  samples: Readonly<{ atMs: readonly number[]; kmem: Series; mem: Series; rss: Series; processes: Series }>;
  /** Bytes; null: none. */
  limits: Readonly<{ kmem: number | null; mem: number | null }>;
  failures: readonly TimelineFailure[];
  steps: readonly Readonly<{ name: string; fromMs: number; toMs: number }>[];
  /** Time of the kernel's OOM kill; null: there was none, or none was reported. */
  oomKillAtMs: number | null;
}>;

export type TimelinePlot = Named & Readonly<{ kind: 'timeline'; data: TimelineData }>;

type Panel = Readonly<{
  name: string;
  unit: 'bytes' | 'count';
  height: number;
  lines: readonly Line[];
  limit: number | null;
}>;
type Line = Readonly<{ id: string; name: string; color: string; values: Series; filled: boolean }>;

const TOP = 52;
const GAP = 46;
const BOTTOM = 74;
/** More points than a screen has columns are thinned for drawing; the table has them all. */
const SAMPLING = 'lttb';

export const timeline: Drawing<TimelineData> = { option, numbers, height };

function panelsOf({ samples, limits }: TimelineData, look: Look): Panel[] {
  const { palette } = look;
  const line = (id: keyof typeof samples, name: string, color: string, filled: boolean): Line[] =>
    samples[id].some((value) => value !== null) ? [{ id, name, color, values: samples[id], filled }] : [];
  const panels: Panel[] = [
    {
      name: 'kernel memory',
      unit: 'bytes',
      height: isNarrow(look) ? 190 : 230,
      lines: line('kmem', 'kernel memory', palette.kmem, true),
      limit: limits.kmem,
    },
    {
      name: samples.rss.some((value) => value !== null) ? 'memory (dotted: resident, added up)' : 'memory',
      unit: 'bytes',
      height: 110,
      lines: [...line('mem', 'memory', palette.mem, true), ...line('rss', 'resident (sum)', palette.rss, false)],
      limit: limits.mem,
    },
    {
      name: 'processes',
      unit: 'count',
      height: 70,
      lines: line('processes', 'processes', palette.processes, false),
      limit: null,
    },
  ];
  return panels.filter(({ lines }, index) => index === 0 || lines.length > 0);
}

function height(data: TimelineData, width: number): number {
  const panels = panelsOf(data, { width, live: true, palette: {} as Look['palette'] });
  return TOP + panels.reduce((sum, panel) => sum + panel.height + GAP, 0) - GAP + BOTTOM;
}

function option(data: TimelineData, look: Look): EChartsOption {
  const panels = panelsOf(data, look);
  const { palette, live } = look;
  const [left, right] = isNarrow(look) ? [62, 10] : [72, 18];
  const end = endOf(data);
  const tops = panels.map(
    (_, index) => TOP + panels.slice(0, index).reduce((sum, panel) => sum + panel.height + GAP, 0),
  );
  const last = panels.length - 1;
  return {
    ...base(look),
    grid: panels.map((panel, index) => ({ left, right, top: tops[index] ?? TOP, height: panel.height })),
    xAxis: panels.map((_, gridIndex) =>
      xAxis(look, {
        type: 'value',
        gridIndex,
        min: Math.min(0, ...data.failures.slice(0, 1).map(({ atMs }) => atMs)),
        max: end,
        splitLine: { show: false },
        axisLabel: {
          show: gridIndex === last,
          color: palette.muted,
          hideOverlap: true,
          showMaxLabel: false,
          formatter: timeText,
        },
        axisPointer: {
          show: live,
          snap: false,
          label: { show: gridIndex === last, formatter: ({ value }) => timeText(Number(value)) },
        },
      }),
    ),
    yAxis: panels.map((panel, gridIndex) => valueAxis(look, panel, data, gridIndex)),
    axisPointer: { link: [{ xAxisIndex: 'all' }], lineStyle: { color: palette.muted }, triggerTooltip: false },
    ...(live ? { dataZoom: timeZooms(look, panels.length) } : {}),
    series: [
      ...panels.flatMap((panel, index) => lineSeries(look, panel, index, data, end / (look.width - left - right) || 1)),
      failureSeries(data.failures, data.limits.kmem, look),
    ],
  };
}

function valueAxis(look: Look, panel: Panel, { failures }: TimelineData, gridIndex: number) {
  const marks = gridIndex === 0 ? failures.map(({ usage }) => usage ?? 0) : [];
  const most = largest([
    panel.limit ?? 0,
    ...marks,
    ...panel.lines.flatMap(({ values }) => values.map((value) => value ?? 0)),
  ]);
  const interval =
    panel.unit === 'bytes' ? byteInterval(most, panel.height > 150 ? 5 : 3) : Math.max(1, Math.ceil(most / 2));
  // Room above for the label of the limit.
  const max = Math.max(1, Math.ceil((most * 1.08) / interval)) * interval;
  return yAxis(look, {
    type: 'value',
    gridIndex,
    name: panel.name,
    nameLocation: 'end',
    // Above the names of the steps.
    nameGap: gridIndex === 0 ? 26 : 12,
    nameTextStyle: {
      color: look.palette.text,
      align: 'left',
      fontWeight: 600,
      padding: [0, 0, 0, isNarrow(look) ? -54 : -62],
    },
    min: 0,
    max,
    interval,
    axisLabel: {
      color: look.palette.muted,
      formatter: (value: number) => (panel.unit === 'bytes' ? formatSize(value) : String(value)),
    },
    axisPointer: { show: false },
  });
}

function lineSeries(look: Look, panel: Panel, index: number, data: TimelineData, msPerPixel: number): SeriesOption[] {
  const { palette } = look;
  const times = data.samples.atMs;
  // If no sample was read, the axis is still drawn, with its limit and the steps.
  const lines =
    panel.lines.length > 0
      ? panel.lines
      : [{ id: 'none', name: panel.name, color: palette.muted, values: [], filled: false }];
  return lines.map(
    ({ id, name, color, values, filled }, at): SeriesOption => ({
      id,
      name,
      type: 'line',
      xAxisIndex: index,
      yAxisIndex: index,
      data: values.map((value, sample) => [times[sample] ?? 0, value]),
      // A counter keeps its value until it is read again; processes come and go one by one.
      ...(id === 'processes' ? { step: 'end' as const } : {}),
      showSymbol: values.length === 1,
      sampling: SAMPLING,
      // A value that is sampled occasionally is connected; one that could not be read is a gap.
      connectNulls: id === 'rss',
      silent: true,
      lineStyle: { color, width: 1.8, type: id === 'rss' ? ('dotted' as const) : ('solid' as const) },
      itemStyle: { color },
      ...(filled ? { areaStyle: { color, opacity: 0.14 } } : {}),
      ...(at === 0 && panel.limit !== null
        ? { markLine: limitLine(look, panel.limit, `limit ${formatSize(panel.limit)}`) }
        : {}),
      ...(at === 0 ? { markArea: stepBands(look, data, msPerPixel, index === 0) } : {}),
    }),
  );
}

function stepBands({ palette }: Look, { steps }: TimelineData, msPerPixel: number, named: boolean) {
  const narrowest = 34;
  return {
    silent: true,
    data: steps.map(({ name, fromMs, toMs }, index) => {
      const pixels = (toMs - fromMs) / msPerPixel;
      const label = {
        show: named && pixels >= narrowest,
        position: 'top' as const,
        align: 'center' as const,
        color: palette.muted,
        fontSize: 11,
        formatter: shorten(`${index} ${name}`, Math.max(1, Math.floor(pixels / 6.5))).replace(/[{}]/g, ''),
      };
      // Every other band, so that their borders are visible.
      const color = index % 2 === 0 ? palette.band : 'transparent';
      return [{ xAxis: fromMs, itemStyle: { color }, label }, { xAxis: toMs }] as [object, object];
    }),
  };
}

function numbers({ samples }: TimelineData): NumbersTable {
  const unread = 'not read';
  return {
    caption: 'Samples',
    columns: [
      { title: 'at', unit: 'ms' },
      { title: 'kernel memory', unit: 'bytes', whenNull: unread },
      { title: 'memory', unit: 'bytes', whenNull: unread },
      { title: 'resident', unit: 'bytes', whenNull: 'not sampled' },
      { title: 'processes', unit: 'count', whenNull: unread },
    ],
    rows: samples.atMs.map((atMs, at) => [
      atMs,
      samples.kmem[at] ?? null,
      samples.mem[at] ?? null,
      samples.rss[at] ?? null,
      samples.processes[at] ?? null,
    ]),
  };
}

function endOf({ samples, steps, failures }: TimelineData): number {
  return Math.max(1, samples.atMs.at(-1) ?? 0, failures.at(-1)?.atMs ?? 0, largest(steps.map(({ toMs }) => toMs)));
}

/** Math.max(...values) accepts only so many. */
function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function timeText(ms: number): string {
  return formatDuration(ms);
}
