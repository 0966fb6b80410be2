/** The report of a sweep: a row for each point, and how many of the runs pass over the limit. */

import { formatSize, groupDigits } from '../spec/size.ts';
import type { Spread } from '../store/spread.ts';
import { curveText } from './curve.ts';
import { type ExperimentFacts, noticeRows, spreadText } from './experiment.ts';
import { layOut, type PlotStyle, painter, type Style, type Tone } from './layout.ts';
import { settingText, survivalOf } from './survival.ts';
import { survivalText } from './terminal/survival.ts';
import { columns, cut } from './visible.ts';
import { counted, duration } from './words.ts';

export { settingText } from './survival.ts';

export type SweepCall = Readonly<{
  comm: string | null;
  syscall: string;
  errno: string | null;
  detail: string | null;
  /** Runs of which it was the first call to fail. */
  runs: number;
}>;

/** A setting that was tried; of the settings only those that were swept are there. */
export type SweepPoint = Readonly<{
  settings: Readonly<Record<string, string | number | null>>;
  runs: number;
  passed: number;
  outcomes: Readonly<Record<string, number>>;
  failcnt: Spread | null;
  /** Bytes. */
  peak: Spread | null;
  wallMs: Spread | null;
  firstCalls: readonly SweepCall[];
  /** One for each run, in the order in which they ended. */
  figures: readonly Readonly<{
    id: string;
    passed: boolean;
    outcome: string;
    peak: number | null;
    failcnt: number | null;
    wallMs: number | null;
  }>[];
}>;

export type SweepReport = ExperimentFacts &
  Readonly<{
    kind: 'sweep';
    seed: number;
    repeat: number;
    /** The CPUs of each job; null: bound to none. */
    jobs: readonly (readonly number[] | null)[];
    runs: Readonly<{ planned: number; made: number }>;
    /** The settings that vary, in the order of the table's columns. */
    axes: readonly string[];
    points: readonly SweepPoint[];
  }>;

const labelWidth = 'warning'.length;
const curveWidth = 80;
const commandLength = 60;
const narrowestCall = 14;
const callLength = 80;
const titles: Readonly<Record<string, string>> = { kmemTcp: 'kmem-tcp' };

export function sweepText(report: SweepReport, style: PlotStyle): string {
  const paint = painter(style.color);
  const { made, planned } = report.runs;
  const how = made === planned ? counted(made, 'run') : `${groupDigits(made)} of ${counted(planned, 'run')}`;
  const points = report.points.length === 1 ? '' : ` at ${counted(report.points.length, 'point')}`;
  const head = `${how}${points} of ${cut([...report.command].join(' '), commandLength)}`;
  const rest =
    report.status === 'done' || made === 0 ? [] : [{ label: 'go on', lines: [`kmem-run sweep --resume ${report.id}`] }];
  const rows = [{ label: 'seed', lines: [`${report.seed}; ${detail(report)}`] }, ...rest, ...noticeRows(report)];
  const curve = style.plot === true ? [] : curveLines(report, Math.min(style.width ?? curveWidth, curveWidth) - 2);
  const survival = style.plot === true ? survivalOf(report) : null;
  const text = [
    paint('strong', 'kmem-run: ') + paint(report.status === 'done' ? 'plain' : 'warn', head),
    '',
    ...tableLines(report, style),
    ...(curve.length === 0 ? [] : ['', paint('dim', '  runs that pass'), ...curve.map((line) => `  ${line}`)]),
    '',
    ...layOut(rows, labelWidth, style),
  ]
    .map((line) => `${line}\n`)
    .join('');
  return survival === null ? text : `${text}\n${survivalText(survival, style)}`;
}

function detail({ jobs, warmup, timeoutMs, id, runs }: SweepReport): string {
  const cpus = jobs.map((own) => (own === null ? 'any' : own.join('+'))).join(', ');
  return [
    `${counted(jobs.length, 'job')} on CPU ${cpus}`,
    `${counted(warmup, 'warm-up')}`,
    timeoutMs === null ? 'no time limit' : `at most ${duration(timeoutMs)} a run`,
    ...(runs.made === 0 ? [] : [`kept as ${id}`]),
  ].join('; ');
}

function tableLines({ axes, points }: SweepReport, style: Style): string[] {
  const paint = painter(style.color);
  const head = [...axes.map((axis) => titles[axis] ?? axis), 'runs', 'passed', 'failcnt', 'peak', 'first failing call'];
  const table = [head, ...points.map((point) => cellsOf(point, axes))];
  const last = head.length - 1;
  const widths = head.map((_, column) => Math.max(...table.map((cells) => columns(cells[column] ?? ''))));
  const before = 2 + widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  const room = style.width === null ? callLength : Math.max(narrowestCall, style.width - before);
  return table.map((cells, row) => {
    const padded = cells.map((cell, column) => {
      if (column === last) return cut(cell, room);
      // Numbers to the right, names to the left.
      const text =
        column < axes.length || column > axes.length + 1
          ? cell.padEnd(widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0);
      return row > 0 && column === axes.length + 1 ? paint(toneOf(points[row - 1]), text) : text;
    });
    const line = `  ${padded.join('  ')}`.trimEnd();
    return row === 0 ? paint('dim', line) : line;
  });
}

function cellsOf(point: SweepPoint, axes: readonly string[]): string[] {
  const [most, ...others] = point.firstCalls.toSorted((a, b) => b.runs - a.runs);
  return [
    ...axes.map((axis) => settingText(axis, point.settings[axis] ?? null)),
    groupDigits(point.runs),
    groupDigits(point.passed),
    spreadText(point.failcnt, groupDigits),
    spreadText(point.peak, formatSize),
    most === undefined ? '' : callText(most, point, others.length),
  ];
}

/** `sh: clone of process (ENOMEM)`, with how often where it is not the same in all runs. */
function callText({ comm, syscall, errno, detail: what, runs }: SweepCall, point: SweepPoint, others: number): string {
  const share = runs === point.runs ? '' : ` ×${runs}`;
  const name = comm === null ? '' : `${comm}: `;
  return `${name}${syscall}${share}${what === null ? '' : ` ${what}`}${errno === null ? '' : ` (${errno})`}${others === 0 ? '' : `, ${counted(others, 'other')}`}`;
}

function toneOf(point: SweepPoint | undefined): Tone {
  if (point === undefined || point.runs === 0) return 'dim';
  return point.passed === point.runs ? 'good' : point.passed === 0 ? 'bad' : 'warn';
}

function curveLines(report: SweepReport, width: number): string[] {
  const survival = survivalOf(report);
  if (survival === null) return [];
  const series = survival.series.map(({ label, shares }) => ({
    label,
    shares: shares.map((share) => (share === null ? null : share.passed / share.runs)),
  }));
  return curveText({ series, ticks: survival.ticks }, width);
}
