/** The path of a bisection: the limit of each trial, and whether it passed. */

import type { EChartsOption, SeriesOption } from 'echarts';
import type { BisectReport } from '../../experiment/bisect/report.ts';
import { counted, formatSize, groupDigits } from '../../text/figures.ts';
import { base, isNarrow, legend, limitLine, shorten, xAxis, yAxis } from './parts.ts';
import { limitAxis } from './survival.ts';
import type { Drawing, Look, Named, NumbersTable } from './types.ts';

export type SearchTrial = Pick<
  BisectReport['trials'][number],
  'limit' | 'phase' | 'id' | 'passed' | 'outcome' | 'peak'
>;

export type SearchData = Readonly<{
  trials: readonly SearchTrial[];
  /** Bytes; null: no such limit is known. */
  passesAt: number | null;
  failsAt: number | null;
}>;

export type SearchPlot = Named & Readonly<{ kind: 'search'; data: SearchData }>;

export const search: Drawing<SearchData> = { option, numbers, height: (_, width) => (width < 560 ? 320 : 380) };

type Numbered = SearchTrial & Readonly<{ number: number }>;

function option({ trials, passesAt, failsAt }: SearchData, look: Look): EChartsOption {
  const { palette } = look;
  const numbered = trials.map((trial, index): Numbered => ({ ...trial, number: index + 1 }));
  const path: SeriesOption = {
    id: 'path',
    name: 'the search',
    type: 'line',
    silent: true,
    symbol: 'none',
    lineStyle: { color: palette.muted, width: 1 },
    itemStyle: { color: palette.muted },
    data: numbered.map(({ number, limit }) => [number, limit]),
    ...(passesAt === null ? {} : { markLine: limitLine(look, passesAt, `passes at ${groupDigits(passesAt)}`) }),
  };
  const limits = trials.map(({ limit }) => limit);
  return {
    ...base(look),
    legend: legend(look),
    grid: { left: 76, right: isNarrow(look) ? 14 : 24, top: 42, bottom: 50 },
    xAxis: xAxis(look, {
      type: 'value',
      min: 0,
      max: trials.length + 1,
      minInterval: 1,
      name: 'trial',
      nameLocation: 'middle',
      nameGap: 30,
      splitLine: { show: false },
      axisLabel: { color: palette.muted, showMinLabel: false, showMaxLabel: false },
    }),
    yAxis: yAxis(look, {
      ...limitAxis(limits, 'bytes', { ...look, width: 600 }),
      splitLine: { show: true, lineStyle: { color: palette.line } },
    }),
    series: [
      path,
      marks(
        'passed',
        'passed',
        'circle',
        palette.good,
        numbered.filter(({ passed }) => passed),
      ),
      marks(
        'failed',
        failsAt === null ? 'failed' : 'failed',
        'triangle',
        palette.bad,
        numbered.filter(({ passed }) => !passed),
      ),
    ],
  };
}

function marks(id: string, name: string, symbol: string, color: string, trials: readonly Numbered[]): SeriesOption {
  return {
    id,
    name,
    type: 'scatter',
    symbol,
    symbolSize: 11,
    z: 4,
    itemStyle: { color },
    data: trials.map(({ number, limit }) => [number, limit]),
    tooltip: {
      formatter: (params: unknown) => {
        const trial = trials[(params as { dataIndex: number }).dataIndex];
        if (trial === undefined) return '';
        const { number, limit, phase, outcome, peak } = trial;
        return `trial ${number} (${shorten(phase, 20)}): ${groupDigits(limit)} (${formatSize(limit)})\n${shorten(outcome, 20)}, peak ${peak === null ? 'not read' : formatSize(peak)}`;
      },
    },
  };
}

function numbers({ trials }: SearchData): NumbersTable {
  return {
    caption: 'Trials, in order',
    columns: [
      { title: 'trial', unit: 'count' },
      { title: 'kmem limit', unit: 'bytes' },
      { title: 'purpose', unit: 'text' },
      { title: 'outcome', unit: 'text' },
      { title: 'peak', unit: 'bytes', whenNull: 'not read' },
      { title: 'run', unit: 'text' },
    ],
    rows: trials.map(({ limit, phase, outcome, peak, id }, index) => [index + 1, limit, phase, outcome, peak, id]),
  };
}

export function searchOf({ trials, answer }: BisectReport, id: string): SearchPlot | null {
  if (trials.length === 0) return null;
  const passed = trials.filter((trial) => trial.passed).length;
  return {
    kind: 'search',
    id,
    title: 'The search',
    about: `The limit of each of ${counted(trials.length, 'trial')} in turn, of which ${passed} passed.`,
    data: {
      trials: trials.map(({ limit, phase, id: run, passed: did, outcome, peak }) => ({
        limit,
        phase,
        id: run,
        passed: did,
        outcome,
        peak,
      })),
      passesAt: 'passesAt' in answer ? answer.passesAt : null,
      failsAt: 'failsAt' in answer ? answer.failsAt : null,
    },
  };
}
