/** What the plots have in common. */

import type {
  EChartsOption,
  LegendComponentOption,
  MarkLineComponentOption,
  XAXisComponentOption,
  YAXisComponentOption,
} from 'echarts';
import { formatDuration, formatSize, groupDigits } from '../../text/figures.ts';
import { visible } from '../../text/visible.ts';
import type { Look, Unit } from './types.ts';

const NARROW = 560;

export function isNarrow({ width }: Pick<Look, 'width'>): boolean {
  return width < NARROW;
}

/** For a known value. */
export function valueText(value: number, unit: Unit): string {
  if (unit === 'bytes') return formatSize(value);
  if (unit === 'ms') return formatDuration(value);
  if (unit === 'percent') return `${Math.round(value * 1000) / 10} %`;
  return groupDigits(value);
}

/** Exact if possible: `2.52 MiB (2,637,824)`. */
export function fullText(value: number | null, unit: Unit, absent = 'not measured'): string {
  if (value === null) return absent;
  return unit === 'bytes' && value >= 1024 ? `${formatSize(value)} (${groupDigits(value)})` : valueText(value, unit);
}

/** One line, however long: the middle is left out, since a path is known by its end. */
export function shorten(text: string, max: number): string {
  const characters = [...visible(text.slice(0, 4096))];
  if (characters.length <= max) return characters.join('');
  const head = Math.floor((max - 1) / 3);
  return `${characters.slice(0, head).join('')}…${characters.slice(characters.length - (max - 1 - head)).join('')}`;
}

/** Tips are drawn, not built from HTML: their text can never be markup. */
export function base({ palette, live }: Look): EChartsOption {
  return {
    animation: false,
    backgroundColor: live ? 'transparent' : palette.surface,
    textStyle: { color: palette.text, fontFamily: 'system-ui, DejaVu Sans, sans-serif', fontSize: 12 },
    tooltip: {
      show: live,
      trigger: 'item',
      renderMode: 'richText',
      confine: true,
      transitionDuration: 0,
      backgroundColor: palette.surface,
      borderColor: palette.muted,
      borderWidth: 1,
      textStyle: { color: palette.text, fontSize: 12, lineHeight: 18 },
    },
  };
}

export function xAxis({ palette }: Look, more: XAXisComponentOption): XAXisComponentOption {
  return { ...axisLook(palette), ...more } as XAXisComponentOption;
}

export function yAxis({ palette }: Look, more: YAXisComponentOption): YAXisComponentOption {
  return { ...axisLook(palette), ...more } as YAXisComponentOption;
}

function axisLook(palette: Look['palette']) {
  return {
    axisLine: { show: true, lineStyle: { color: palette.muted } },
    axisTick: { show: true, lineStyle: { color: palette.muted } },
    axisLabel: { color: palette.muted, hideOverlap: true },
    splitLine: { lineStyle: { color: palette.line } },
    nameTextStyle: { color: palette.muted },
  };
}

export function legend({ palette }: Look): LegendComponentOption {
  return {
    show: true,
    top: 0,
    left: 0,
    type: 'scroll',
    itemWidth: 18,
    itemHeight: 10,
    textStyle: { color: palette.text },
    pageTextStyle: { color: palette.text },
    pageIconColor: palette.text,
  };
}

/** A labelled dashed line across the plot. */
export function limitLine(
  look: Look,
  at: number,
  label: string,
  axis: 'xAxis' | 'yAxis' = 'yAxis',
): MarkLineComponentOption {
  return {
    silent: true,
    symbol: 'none',
    animation: false,
    lineStyle: { color: look.palette.limit, type: 'dashed', width: 1.5 },
    label: {
      show: true,
      position: axis === 'yAxis' ? 'insideEndTop' : 'end',
      color: look.palette.text,
      formatter: label.replace(/[{}]/g, ''),
    },
    data: [{ [axis]: at }] as NonNullable<MarkLineComponentOption['data']>,
  };
}

/** Rounded up to a round number of the unit, so that ticks are readable: powers of two for bytes. */
export function byteInterval(max: number, ticks: number): number {
  if (max <= 0) return 4096;
  return 2 ** Math.ceil(Math.log2(max / ticks));
}

/** For time axes, one above the other. */
export function timeZooms({ palette }: Look, panels: number) {
  const xAxisIndex = Array.from({ length: panels }, (_, index) => index);
  return [
    // A wheel scrolls the page; with Ctrl it zooms.
    {
      type: 'inside' as const,
      xAxisIndex,
      zoomOnMouseWheel: 'ctrl' as const,
      moveOnMouseWheel: false,
      filterMode: 'none' as const,
    },
    {
      type: 'slider' as const,
      xAxisIndex,
      filterMode: 'none' as const,
      bottom: 8,
      height: 22,
      showDataShadow: false,
      borderColor: palette.line,
      fillerColor: palette.band,
      handleStyle: { color: palette.muted },
      moveHandleStyle: { color: palette.muted },
      textStyle: { color: palette.muted },
      labelFormatter: (value: number) => formatDuration(value),
      brushSelect: false,
    },
  ];
}
