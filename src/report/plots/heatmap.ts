/** How many runs pass when two options are swept: one field per pair of values. */

import type { EChartsOption } from 'echarts';
import { base, isNarrow, shorten, xAxis, yAxis } from './parts.ts';
import type { Drawing, Look, Named, NumbersTable } from './types.ts';

export type HeatmapData = Readonly<{
  x: Readonly<{ name: string; values: readonly string[] }>;
  y: Readonly<{ name: string; values: readonly string[] }>;
  /** By index of the values. */
  fields: readonly Readonly<{ x: number; y: number; passed: number; runs: number }>[];
}>;

export type HeatmapPlot = Named & Readonly<{ kind: 'heatmap'; data: HeatmapData }>;

export const heatmap: Drawing<HeatmapData> = {
  option,
  numbers,
  height: ({ y }) => Math.min(900, 130 + Math.max(3, y.values.length) * 36),
};

function option({ x, y, fields }: HeatmapData, look: Look): EChartsOption {
  const { palette } = look;
  const known = fields.filter(({ runs }) => runs > 0);
  const roomy = x.values.length <= (isNarrow(look) ? 6 : 24);
  return {
    ...base(look),
    grid: { left: isNarrow(look) ? 76 : 96, right: 12, top: 28, bottom: 92 },
    xAxis: xAxis(look, {
      type: 'category',
      data: x.values.map((value) => shorten(value, 20)),
      name: x.name,
      nameLocation: 'middle',
      nameGap: 30,
      axisTick: { show: false },
    }),
    yAxis: yAxis(look, {
      type: 'category',
      data: y.values.map((value) => shorten(value, 12)),
      name: y.name,
      nameTextStyle: { color: palette.muted, align: 'right' },
      nameGap: 8,
      axisTick: { show: false },
    }),
    visualMap: {
      type: 'continuous',
      min: 0,
      max: 1,
      dimension: 2,
      calculable: false,
      orient: 'horizontal',
      left: 'center',
      bottom: 4,
      itemWidth: 12,
      itemHeight: 140,
      inRange: { color: [palette.bad, palette.surface, palette.good] },
      text: ['all pass', 'none passes'],
      textStyle: { color: palette.text },
    },
    series: [
      {
        id: 'share',
        type: 'heatmap',
        data: known.map(({ x: column, y: row, passed, runs }) => ({
          value: [column, row, passed / runs],
          label: labelOf(passed / runs, look, `${passed}/${runs}`, roomy),
        })),
        itemStyle: { borderColor: palette.line, borderWidth: 1 },
        tooltip: {
          formatter: (params: unknown) => {
            const field = known[(params as { dataIndex: number }).dataIndex];
            if (field === undefined) return '';
            const { passed, runs } = field;
            return `${x.name} ${x.values[field.x]}, ${y.name} ${y.values[field.y]}\n${passed} of ${runs} pass`.replace(
              /[{}]/g,
              '',
            );
          },
        },
      },
    ],
  };
}

/** Dark fields have light letters. */
function labelOf(share: number, { palette }: Look, text: string, show: boolean) {
  const isStrong = Math.abs(share - 0.5) > 0.3;
  return { show, color: isStrong ? palette.surface : palette.text, formatter: text, fontSize: 11 };
}

function numbers({ x, y, fields }: HeatmapData): NumbersTable {
  return {
    caption: `Runs that pass, by ${x.name} and ${y.name}`,
    columns: [
      { title: x.name, unit: 'text' },
      { title: y.name, unit: 'text' },
      { title: 'passed', unit: 'count' },
      { title: 'runs', unit: 'count' },
    ],
    rows: fields.map((field) => [x.values[field.x] ?? null, y.values[field.y] ?? null, field.passed, field.runs]),
  };
}
