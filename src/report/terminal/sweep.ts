import type { FirstCall } from '../../experiment/figures.ts';
import { settingText, survivalOf } from '../../experiment/survival.ts';
import { type HitColumn, hitColumns } from '../../experiment/sweep/hits.ts';
import type { SweepPoint, SweepReport } from '../../experiment/sweep/report.ts';
import { kebab } from '../../request/run-input.ts';
import { formatSize, groupDigits } from '../../request/size.ts';
import { counted, duration, shortSize, size } from '../../text/figures.ts';
import {
  headLines,
  type LabelledLines,
  layOut,
  type PlotStyle,
  painter,
  type Style,
  type Tone,
} from '../../text/layout.ts';
import { shellLine } from '../../text/quote.ts';
import { columns, cut, padded } from '../../text/visible.ts';
import { noticeRows, spreadText } from './experiment.ts';
import { survivalCurve, survivalText } from './survival.ts';

const labelWidth = 'warning'.length;
const CURVE_WIDTH = 80;
const COMMAND_LENGTH = 60;
const NARROWEST_CALL = 14;
const CALL_LENGTH = 80;
const NAME_LENGTH = 60;

export function sweepText(report: SweepReport, style: PlotStyle): string {
  const paint = painter(style.color);
  const { made, planned } = report.runs;
  const how = made === planned ? counted(made, 'run') : `${groupDigits(made)} of ${counted(planned, 'run')}`;
  const points = report.points.length === 1 ? '' : ` at ${counted(report.points.length, 'point')}`;
  const head = `${how}${points} of ${cut(shellLine(report.command), COMMAND_LENGTH)}`;
  const rest =
    report.status === 'done' || made === 0
      ? []
      : [{ label: 'resume', lines: [`kmem-run sweep --resume ${report.id}`] }];
  const rows = [
    { label: 'seed', lines: [`${report.seed}; ${detail(report)}`] },
    ...rest,
    ...filledRows(report),
    ...noticeRows(report),
  ];
  const curve = style.plot === true ? [] : curveLines(report, Math.min(style.width ?? CURVE_WIDTH, CURVE_WIDTH) - 2);
  const survival = style.plot === true ? survivalOf(report) : null;
  const text = [
    ...headLines(report.status === 'done' ? 'plain' : 'warn', head, style),
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

/** What filled the room at the highest limit at which a run failed. */
function filledRows({ points }: SweepReport): LabelledLines[] {
  const failing = points.filter(({ filled, settings }) => filled !== undefined && typeof settings.kmem === 'number');
  const [highest] = failing.toSorted((a, b) => Number(b.settings.kmem) - Number(a.settings.kmem));
  if (highest === undefined) return [];
  const lines = (highest.filled ?? []).map(
    ({ what, by, objects, bytes }) =>
      `${cut(what, NAME_LENGTH)} ${shortSize(bytes)} in ${groupDigits(objects)}, ${cut(by, NAME_LENGTH)}`,
  );
  return [{ label: 'profile', lines: [`of a run that failed at ${size(Number(highest.settings.kmem))}:`, ...lines] }];
}

function detail({ jobs, warmup, timeoutMs, id, runs }: SweepReport): string {
  const cpus = jobs.map((own) => (own === null ? 'any' : own.join('+'))).join(', ');
  return [
    `${counted(jobs.length, 'job')} on CPU ${cpus}`,
    `${counted(warmup, 'warm-up')}`,
    timeoutMs === null ? 'no time limit' : `at most ${duration(timeoutMs)} a run`,
    ...(runs.made === 0 ? [] : [`saved as ${id}`]),
  ].join('; ');
}

function tableLines({ axes, points }: SweepReport, style: Style): string[] {
  const paint = painter(style.color);
  const hits = hitColumns(points);
  const others = hits.map(({ title }) => title);
  const head = [...axes.map(kebab), 'runs', 'passed', 'failcnt', ...others, 'peak', 'first failing call'];
  const table = [head, ...points.map((point) => cellsOf(point, axes, hits))];
  const last = head.length - 1;
  const widths = head.map((_, column) => Math.max(...table.map((cells) => columns(cells[column] ?? ''))));
  const before = 2 + widths.slice(0, last).reduce((sum, width) => sum + width + 2, 0);
  const room = style.width === null ? CALL_LENGTH : Math.max(NARROWEST_CALL, style.width - before);
  return table.map((cells, row) => {
    const filled = cells.map((cell, column) => {
      if (column === last) return cut(cell, room);
      // Numbers right-aligned, names left-aligned.
      const text =
        column < axes.length || column > axes.length + 1
          ? padded(cell, widths[column] ?? 0)
          : cell.padStart(widths[column] ?? 0);
      return row > 0 && column === axes.length + 1 ? paint(toneOf(points[row - 1]), text) : text;
    });
    const line = `  ${filled.join('  ')}`.trimEnd();
    return row === 0 ? paint('dim', line) : line;
  });
}

function cellsOf(point: SweepPoint, axes: readonly string[], hits: readonly HitColumn[]): string[] {
  const [most, ...others] = point.firstCalls.toSorted((a, b) => b.runs - a.runs);
  return [
    ...axes.map((axis) => settingText(axis, point.settings[axis] ?? null)),
    groupDigits(point.runs),
    groupDigits(point.passed),
    spreadText(point.failcnt, groupDigits),
    ...hits.map(({ key }) => spreadText(point.hits?.[key] ?? null, groupDigits)),
    spreadText(point.peak, formatSize),
    most === undefined ? '' : callText(most, point, others.length),
  ];
}

/** `sh: clone of process (ENOMEM)`, with the number of runs unless it is the same in all. */
function callText({ comm, syscall, errno, detail: what, runs }: FirstCall, point: SweepPoint, others: number): string {
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
  return survivalCurve(survival, width);
}
