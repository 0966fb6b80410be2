/** What the highest reading of kernel memory was made up of, where the kernel splits it. */

import type { EChartsOption } from 'echarts';
import { formatSize } from '../../spec/format-size.ts';
import { base, byteInterval, isNarrow, shorten, xAxis, yAxis } from './parts.ts';
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
