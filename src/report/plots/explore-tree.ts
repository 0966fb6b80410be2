/** The processes of a command as a tree, a row each, and their calls along it, by the result of failing them. */

import type { EChartsOption, SeriesOption } from 'echarts';
import type { ExploreFinding, ExploreReport } from '../../experiment/explore/report.ts';
import { counted } from '../../text/figures.ts';
import type { Palette } from './palette.ts';
import { base, isNarrow, legend, shorten, xAxis, yAxis } from './parts.ts';
import type { Drawing, Look, Named, NumbersTable } from './types.ts';

/** Worst first. `not failed`: the call was not made, or cannot fail. */
export const CALL_CLASSES = [
  'crash',
  'hang',
  'silent',
  'leak',
  'unsteady',
  'not judged',
  'handled',
  'not failed',
] as const;
export type TriedClass = (typeof CALL_CLASSES)[number];

export type TriedCall = Readonly<{
  class: TriedClass;
  /** For --fail. */
  address: string;
  /** Process address, `0.2`, and the call's index. */
  process: string;
  index: number;
  program: string | null;
  syscall: string;
  detail: string | null;
  /** Null: only its class is known. */
  how: string | null;
  /** Null: none. */
  replay: string | null;
}>;

export type ExploreData = Readonly<{ calls: readonly TriedCall[] }>;

export type ExplorePlot = Named & Readonly<{ kind: 'explore'; data: ExploreData }>;

export const exploreTree: Drawing<ExploreData> = {
  option,
  numbers,
  height: ({ calls }) => 120 + Math.max(2, processesOf(calls).length) * 30,
};

const SYMBOLS: Readonly<Record<TriedClass, string>> = {
  crash: 'triangle',
  hang: 'rect',
  silent: 'diamond',
  leak: 'pin',
  unsteady: 'emptyDiamond',
  'not judged': 'emptyRect',
  handled: 'circle',
  'not failed': 'emptyCircle',
};

function colorOf(palette: Palette, name: TriedClass): string {
  return {
    crash: palette.bad,
    hang: palette.series[3] ?? palette.bad,
    silent: palette.warn,
    leak: palette.rss,
    unsteady: palette.muted,
    'not judged': palette.muted,
    handled: palette.good,
    'not failed': palette.muted,
  }[name];
}

type Process = Readonly<{ path: string; label: string }>;

/** Parents before their children, including parents without a tried call if a child has one. */
export function processesOf(calls: readonly TriedCall[]): Process[] {
  const programs = new Map<string, string | null>();
  for (const { process, program } of calls) {
    const parts = process.split('.');
    for (let depth = 1; depth <= parts.length; depth++) {
      const path = parts.slice(0, depth).join('.');
      if (!programs.has(path)) programs.set(path, null);
    }
    if (programs.get(process) == null) programs.set(process, program);
  }
  return [...programs]
    .toSorted(([a], [b]) => compareProcesses(a, b))
    .map(([path, program]) => ({ path, label: program === null ? path : `${path} ${program}` }));
}

export function compareProcesses(a: string, b: string): number {
  const [first, second] = [a.split('.'), b.split('.')];
  for (let at = 0; at < Math.min(first.length, second.length); at++) {
    const [x = '', y = ''] = [first[at], second[at]];
    if (x !== y) return Number(x.replace('t', '')) - Number(y.replace('t', '')) || (x < y ? -1 : 1);
  }
  return first.length - second.length;
}

function option({ calls }: ExploreData, look: Look): EChartsOption {
  const { palette } = look;
  const processes = processesOf(calls);
  const rows = new Map(processes.map(({ path }, index) => [path, index]));
  const narrow = isNarrow(look);
  const depth = (path: string) => path.split('.').length - 1;
  return {
    ...base(look),
    legend: legend(look),
    grid: { left: narrow ? 104 : 190, right: 20, top: 44, bottom: 50 },
    xAxis: xAxis(look, {
      type: 'value',
      name: 'number of the call in its process',
      nameLocation: 'middle',
      nameGap: 30,
      minInterval: 1,
      splitLine: { show: false },
    }),
    yAxis: yAxis(look, {
      type: 'category',
      inverse: true,
      data: processes.map(({ path }) => path),
      axisTick: { show: false },
      splitLine: { show: true, lineStyle: { color: palette.line } },
      axisLabel: {
        color: palette.text,
        interval: 0,
        align: 'left',
        margin: narrow ? 98 : 184,
        formatter: (path: string) => {
          const own = processes.find((process) => process.path === path);
          const indent = depth(path) === 0 ? '' : `${'  '.repeat(depth(path) - 1)}└ `;
          return `${indent}${shorten(own?.label ?? path, narrow ? 14 : 26)}`.replace(/[{}]/g, '');
        },
      },
    }),
    ...(look.live
      ? { dataZoom: [{ type: 'inside', xAxisIndex: 0, zoomOnMouseWheel: 'ctrl', moveOnMouseWheel: false }] }
      : {}),
    series: CALL_CLASSES.flatMap((name) =>
      classSeries(
        name,
        calls.filter((call) => call.class === name),
        rows,
        look,
      ),
    ),
  };
}

function classSeries(
  name: TriedClass,
  calls: readonly TriedCall[],
  rows: ReadonlyMap<string, number>,
  { palette }: Look,
): SeriesOption[] {
  if (calls.length === 0) return [];
  const color = colorOf(palette, name);
  return [
    {
      id: name,
      name,
      type: 'scatter',
      symbol: SYMBOLS[name],
      symbolSize: name === 'handled' || name === 'not failed' ? 9 : 13,
      z: name === 'handled' || name === 'not failed' ? 3 : 4,
      cursor: 'pointer',
      itemStyle: { color },
      emphasis: { scale: 1.5 },
      // Both ways of failing it side by side: alone, and with all later calls of its process.
      data: calls.map(({ index, process, address }) => [
        index + (address.endsWith('+') ? 0.3 : 0),
        rows.get(process) ?? 0,
      ]),
      tooltip: { formatter: (params: unknown) => callText(calls[(params as { dataIndex: number }).dataIndex]) },
    },
  ];
}

export function callText(call: TriedCall | undefined): string {
  if (call === undefined) return '';
  const { address, program, syscall, detail, how } = call;
  return [
    `${call.class}: ${program === null ? '' : `${shorten(program, 30)}: `}${syscall}${detail === null ? '' : ` of ${shorten(detail, 50)}`}`,
    ...(how === null ? [] : [shorten(how, 80)]),
    address,
  ]
    .join('\n')
    .replace(/[{}]/g, '');
}

function numbers({ calls }: ExploreData): NumbersTable {
  return {
    caption: 'Calls made to fail',
    columns: ['class', 'address', 'program', 'call', 'object', 'reaction'].map((title) => ({
      title,
      unit: 'text' as const,
      whenNull: '–',
    })),
    rows: calls.map(({ class: name, address, program, syscall, detail, how }) => [
      name,
      address,
      program,
      syscall,
      detail,
      how,
    ]),
  };
}

export function exploreOf(report: ExploreReport, id: string): ExplorePlot | null {
  const calls = callsOf(report);
  if (calls.length === 0) return null;
  const counts = CALL_CLASSES.map((name) => [name, calls.filter((call) => call.class === name).length] as const);
  const words = counts.filter(([, count]) => count > 0).map(([name, count]) => `${count} ${name}`);
  return {
    kind: 'explore',
    id,
    title: 'Processes and their calls',
    about: `${counted(calls.length, 'failure')} of calls, by process and by reaction: ${words.join(', ')}. If two marks are side by side, the right one is the call together with all later calls of its process.`,
    data: { calls },
  };
}

/** All tried calls if the report has them; a report by an earlier kmem-run has only its findings. */
export function callsOf({ findings, unsteady, tried }: ExploreReport): TriedCall[] {
  const placed = [
    ...findings.map((finding) => callOf(finding, finding.class)),
    ...unsteady.map((finding) => callOf(finding, 'unsteady' as const)),
  ];
  const known = new Set(placed.map(({ address }) => address));
  const rest = (tried ?? []).filter(({ address }) => !known.has(address)).map((call) => callOf(call, call.class));
  return [...placed, ...rest].toSorted((a, b) => compareProcesses(a.process, b.process) || a.index - b.index);
}

type PlacedFinding = Pick<ExploreFinding, 'address' | 'program' | 'syscall' | 'detail'> &
  Readonly<{ how: string | null; replay: string | null }>;

function callOf(
  { address, program, syscall, detail, how, replay }: PlacedFinding,
  name: TriedCall['class'],
): TriedCall {
  // A report may come from anywhere: one malformed address must not hide the rest.
  const [, process = address, index = '0'] = /^([0-9.t]+)\/([0-9]+)/.exec(address) ?? [];
  return { class: name, address, process, index: Number(index), program, syscall, detail, how, replay };
}
