/** The result of each run at its limit: the peak of kernel memory, and whether it passed. */

import type { EChartsOption, SeriesOption } from 'echarts';
import { formatSize } from '../../text/figures.ts';
import { base, byteInterval, isNarrow, legend, shorten, xAxis, yAxis } from './parts.ts';
import { limitAxis } from './survival.ts';
import type { Drawing, Look, Named, NumbersTable } from './types.ts';

export type PeakRun = Readonly<{
  id: string;
  limit: number;
  /** Bytes; null: not read. */
  peak: number | null;
  passed: boolean;
  outcome: string;
}>;

export type PeaksData = Readonly<{ axis: string; runs: readonly PeakRun[] }>;

export type PeaksPlot = Named & Readonly<{ kind: 'peaks'; data: PeaksData }>;

export const peaks: Drawing<PeaksData> = { option, numbers, height: (_, width) => (width < 560 ? 300 : 340) };

function option({ axis, runs }: PeaksData, look: Look): EChartsOption {
  const { palette } = look;
  const known = runs.filter(({ peak }) => peak !== null);
  const limits = runs.map(({ limit }) => limit);
  const [least, most] = [Math.min(...limits), Math.max(...limits)];
  const highest = Math.max(0, ...known.map(({ peak }) => peak ?? 0));
  const interval = byteInterval(Math.max(highest, axis === 'kmem' ? least : 0), 5);
  const max = Math.max(1, Math.ceil((highest * 1.05) / interval)) * interval;
  // The point where the line leaves the plot: beyond it, the line would be drawn over the rest.
  const edge = Math.min(most, max);
  const diagonal: SeriesOption = {
    id: 'limit',
    name: 'the limit itself',
    type: 'line',
    silent: true,
    symbol: 'none',
    lineStyle: { color: palette.limit, type: 'dashed', width: 1.5 },
    itemStyle: { color: palette.limit },
    data:
      least <= edge
        ? [
            [least, least],
            [edge, edge],
          ]
        : [],
  };
  return {
    ...base(look),
    legend: legend(look),
    grid: { left: 72, right: isNarrow(look) ? 14 : 24, top: 42, bottom: 50 },
    xAxis: xAxis(look, {
      ...limitAxis(limits, 'bytes', look),
      name: `${axis} limit`,
      nameLocation: 'middle',
      nameGap: 32,
    }),
    yAxis: yAxis(look, {
      type: 'value',
      min: 0,
      max,
      interval,
      axisLabel: { color: palette.muted, formatter: (value: number) => formatSize(value) },
    }),
    series: [
      ...(axis === 'kmem' ? [diagonal] : []),
      dots(
        'passed',
        'passed',
        'circle',
        palette.good,
        known.filter(({ passed }) => passed),
      ),
      dots(
        'failed',
        'did not pass',
        'triangle',
        palette.bad,
        known.filter(({ passed }) => !passed),
      ),
    ],
  };
}

function dots(id: string, name: string, symbol: string, color: string, runs: readonly PeakRun[]): SeriesOption {
  return {
    id,
    name,
    type: 'scatter',
    symbol,
    symbolSize: 9,
    itemStyle: { color, opacity: 0.8 },
    data: runs.map(({ limit, peak }) => [limit, peak]),
    tooltip: { formatter: (params: unknown) => runText(runs[(params as { dataIndex: number }).dataIndex]) },
  };
}

function runText(run: PeakRun | undefined): string {
  if (run === undefined) return '';
  const { id, limit, peak, outcome } = run;
  return `limit ${formatSize(limit)}: ${shorten(outcome, 20)}\npeak ${peak === null ? 'not read' : formatSize(peak)}\n${shorten(id, 40)}`;
}

function numbers({ axis, runs }: PeaksData): NumbersTable {
  return {
    caption: 'Runs, with the peak of kernel memory',
    columns: [
      { title: `${axis} limit`, unit: 'bytes' },
      { title: 'peak', unit: 'bytes', whenNull: 'not read' },
      { title: 'outcome', unit: 'text' },
      { title: 'run', unit: 'text' },
    ],
    rows: runs.map(({ id, limit, peak, outcome }) => [limit, peak, outcome, id]),
  };
}
