/** How many runs pass at each limit, with the confidence interval. */

import type { EChartsOption, SeriesOption } from 'echarts';
import { wilson } from '../../statistics/spread.ts';
import { base, isNarrow, legend, shorten, valueText, xAxis, yAxis } from './parts.ts';
import type { Drawing, Look, Named, NumbersTable } from './types.ts';

export type SurvivalPoint = Readonly<{ at: number; runs: number; passed: number }>;

export type SurvivalData = Readonly<{
  /** The swept option: `kmem`. */
  axis: string;
  unit: 'bytes' | 'count';
  /** One, or one for each setting of the other swept options; points ordered by limit. */
  series: readonly Readonly<{ label: string; points: readonly SurvivalPoint[] }>[];
}>;

export type SurvivalPlot = Named & Readonly<{ kind: 'survival'; data: SurvivalData }>;

export const survival: Drawing<SurvivalData> = { option, numbers, height: (_, width) => (width < 560 ? 300 : 340) };

const SYMBOLS = ['circle', 'diamond', 'triangle', 'rect', 'pin', 'arrow'];
/** More bands would hide each other. */
const MOST_BANDS = 2;

function option({ axis, unit, series }: SurvivalData, look: Look): EChartsOption {
  const limits = series.flatMap(({ points }) => points.map(({ at }) => at));
  const many = series.length > 1;
  return {
    ...base(look),
    ...(many ? { legend: legend(look) } : {}),
    grid: { left: 56, right: isNarrow(look) ? 14 : 24, top: many ? 42 : 16, bottom: 50 },
    xAxis: xAxis(look, {
      ...limitAxis(limits, unit, look),
      name: `${axis} limit`,
      nameLocation: 'middle',
      nameGap: 32,
    }),
    yAxis: yAxis(look, {
      type: 'value',
      min: 0,
      max: 1,
      interval: 0.25,
      axisLabel: { color: look.palette.muted, formatter: (share: number) => `${share * 100} %` },
    }),
    series: series.flatMap(({ label, points }, index) =>
      seriesOf(
        look,
        { label, points: points.filter(({ runs }) => runs > 0), unit },
        index,
        series.length <= MOST_BANDS,
      ),
    ),
  };
}

type Drawn = Readonly<{ label: string; points: readonly SurvivalPoint[]; unit: SurvivalData['unit'] }>;

function seriesOf(look: Look, { label, points, unit }: Drawn, index: number, withBand: boolean): SeriesOption[] {
  const color = look.palette.series[index % look.palette.series.length] ?? look.palette.kmem;
  const bounds = points.map(({ at, passed, runs }) => ({ at, ...(wilson(passed, runs) ?? { low: 0, high: 0 }) }));
  const band = (part: string, data: [number, number][], opacity: number): SeriesOption => ({
    id: `${index}-${part}`,
    type: 'line',
    stack: `band-${index}`,
    stackStrategy: 'all',
    silent: true,
    symbol: 'none',
    lineStyle: { opacity: 0 },
    areaStyle: { color, opacity },
    tooltip: { show: false },
    data,
  });
  const low = band(
    'low',
    bounds.map((bound) => [bound.at, bound.low]),
    0,
  );
  const high = band(
    'high',
    bounds.map((bound) => [bound.at, bound.high - bound.low]),
    0.18,
  );
  return [
    ...(withBand ? [low, high] : []),
    {
      id: `${index}-share`,
      name: shorten(label, 30),
      type: 'line',
      z: 4,
      symbol: SYMBOLS[index % SYMBOLS.length] ?? 'circle',
      symbolSize: 9,
      showSymbol: true,
      showAllSymbol: true,
      lineStyle: { color, width: 2 },
      itemStyle: { color, borderColor: look.palette.surface, borderWidth: 1 },
      data: points.map(({ at, passed, runs }) => [at, passed / runs]),
      tooltip: {
        formatter: (params: unknown) => pointText(points[(params as { dataIndex: number }).dataIndex], label, unit),
      },
    },
  ];
}

function pointText(point: SurvivalPoint | undefined, label: string, unit: SurvivalData['unit']): string {
  if (point === undefined) return '';
  const { at, passed, runs } = point;
  const bounds = wilson(passed, runs);
  const sure =
    bounds === null
      ? ''
      : `\n95 % interval ${valueText(bounds.low, 'percent')} to ${valueText(bounds.high, 'percent')}`;
  return `${shorten(label, 40)}: ${valueText(at, unit)}\n${passed} of ${runs} pass${sure}`.replace(/[{}]/g, '');
}

/** Evenly spaced by what matters: each doubling of a limit covers the same distance. */
export function limitAxis(limits: readonly number[], unit: SurvivalData['unit'], look: Look) {
  const [min, max] = [Math.min(...limits), Math.max(...limits)];
  const isWide = limits.length > 0 && min > 0 && max / min >= 16;
  const axisLabel = {
    color: look.palette.muted,
    hideOverlap: true,
    formatter: (value: number) => valueText(value, unit),
  };
  const common = { splitLine: { show: false }, splitNumber: isNarrow(look) ? 3 : 7 };
  if (isWide) return { type: 'log' as const, logBase: 2, min, max, axisLabel, ...common };
  const span = max - min || max || 1;
  const room = span * 0.03;
  const interval = unit === 'bytes' ? 2 ** Math.ceil(Math.log2(span / (isNarrow(look) ? 3.2 : 7))) : null;
  const customValues = interval === null ? {} : { customValues: ticks(min, max, interval) };
  return {
    type: 'value' as const,
    min: min - room,
    max: max + room,
    axisLabel: { ...axisLabel, ...(interval === null ? { showMinLabel: false, showMaxLabel: false } : customValues) },
    axisTick: customValues,
    ...common,
  };
}

/** Round values within the range; always at least one. */
function ticks(min: number, max: number, interval: number): number[] {
  const values = [];
  for (let at = Math.ceil(min / interval) * interval; at <= max; at += interval) values.push(at);
  return values.length > 0 ? values : [min];
}

function numbers({ axis, unit, series }: SurvivalData): NumbersTable {
  const none = 'no run was made';
  return {
    caption: `Runs that pass, by ${axis} limit`,
    columns: [
      ...(series.length > 1 ? [{ title: 'setting', unit: 'text' as const }] : []),
      { title: `${axis} limit`, unit },
      { title: 'passed', unit: 'count' },
      { title: 'runs', unit: 'count' },
      { title: 'share', unit: 'percent', whenNull: none },
      { title: '95 % from', unit: 'percent', whenNull: none },
      { title: '95 % to', unit: 'percent', whenNull: none },
    ],
    rows: series.flatMap(({ label, points }) =>
      points.map(({ at, passed, runs }) => {
        const bounds = wilson(passed, runs);
        const share = runs === 0 ? null : passed / runs;
        const row = [at, passed, runs, share, bounds?.low ?? null, bounds?.high ?? null];
        return series.length > 1 ? [label, ...row] : row;
      }),
    ),
  };
}
