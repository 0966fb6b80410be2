/** A run over time in block characters: kernel memory against its limit, failures as marks, steps as bands. */

import { formatSize, groupDigits } from '../../request/size.ts';
import type { Result, Step } from '../../result/schema.ts';
import { shownFailures } from '../../result/summary.ts';
import { counted, ending, formatDuration } from '../../text/figures.ts';
import { painter, type Style, type Tone } from '../../text/layout.ts';
import {
  barCell,
  type Cell,
  cellsOf,
  EMPTY,
  fitted,
  lineOf,
  plotWidth,
  type Scale,
  scaleFor,
  ticksLine,
} from './cells.ts';

type Run = Pick<Result, 'samples' | 'failures' | 'steps' | 'limits' | 'kmem' | 'durations' | 'enforcement' | 'spec'> &
  Pick<Result, 'outcome' | 'failureCounts'>;
type Plotted = Readonly<{ label: string; cells: readonly Cell[] }>;

const HEIGHT = 8;
const INDENT = 2;
const MOST_STEPS = 8;
/** Anything narrower is unreadable. */
const LEAST_ROOM = 8;
const quarters = [0, 0.25, 0.5, 0.75, 1];

/** Lines with line ends, none wider than the terminal. Empty if nothing ran. */
export function timelineText(run: Run, { color, width }: Style): string {
  const result = { ...run, ...shownFailures(run) };
  const { steps, samples, failures } = result;
  const atFailures = failures.map(({ atMs, usage }) => ({ atMs, kmem: usage }));
  if (steps.length === 0 && samples.length === 0 && failures.length === 0) return '';
  const columns = plotWidth(width);
  const paint = painter(color);
  const scale = scaleFor({ peak: highest([...samples, ...atFailures]), limit: result.limits.kmem, height: HEIGHT });
  const stepLabels = steps.slice(0, MOST_STEPS).map((_, index) => `step ${index}`);
  const labels = [...scaleLabels(scale), ...stepLabels, ...(failures.length === 0 ? [] : ['failures', 'injected'])];
  const margin = Math.max(0, ...labels.map(({ length }) => length));
  const room = columns - INDENT - margin - 2;
  if (room < LEAST_ROOM) return `${fitted('  (too narrow for a plot)', columns)}\n`;
  const wholeMs = spanOf(result);
  const rows = [
    ...(scale === null ? [] : kmemRows(result, atFailures, { scale, room, wholeMs })),
    ...markRows(result, room, wholeMs),
    ...stepRows(steps.slice(0, MOST_STEPS), room, wholeMs),
  ];
  const ticks = quarters.map((at) => {
    const text = at === 0 ? '0' : formatDuration(at * wholeMs);
    return { from: Math.round(at * (room - text.length)), text };
  });
  const lines = [
    ...headLines(result, scale).map((line) => paint('dim', fitted(line, columns))),
    ...rows.map(({ label, cells }) => {
      const beside = `${' '.repeat(INDENT)}${label.padStart(margin)} `;
      return paint('dim', `${beside}│`) + lineOf(cells, paint);
    }),
    paint('dim', ' '.repeat(INDENT + margin + 2) + ticksLine(ticks, room)),
    ...(steps.length > MOST_STEPS
      ? [paint('dim', fitted(`  and ${counted(steps.length - MOST_STEPS, 'more step')}`, columns))]
      : []),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

/** What is drawn, and what is not. */
function headLines({ samples, limits, kmem, failures, spec, enforcement }: Run, scale: Scale | null): string[] {
  const known =
    samples.filter(({ kmem }) => kmem !== null).length + failures.filter(({ usage }) => usage !== null).length;
  const limit = limits.kmem === null ? 'no limit' : `limit ${formatSize(limits.kmem)}`;
  const line = limits.kmem === null || scale === null ? '' : scale.limitRow === null ? ', far above' : ' (▔)';
  const peak = kmem.maxUsage === null ? '' : `, peak ${formatSize(kmem.maxUsage)}`;
  const readings =
    known > 0 ? counted(known, 'reading') : spec.sampleMs === null ? 'no readings (--sample off)' : 'no readings';
  const more = (enforcement.failuresDropped ?? 0) + (enforcement.failuresUncounted ?? 0);
  return [
    `  kmem over time: ${readings}${peak}, ${limit}${line}`,
    ...(failures.length === 0 ? [] : [`  × one failure, 2 to 9 that many, + more${droppedText(more)}`]),
  ];
}

function droppedText(more: number): string {
  return more === 0 ? '' : `; ${groupDigits(more)} later ones are only counted`;
}

/** Milliseconds from exec to the last known event. */
function spanOf({ samples, failures, steps, durations }: Run): number {
  const ends = [
    durations.wallMs ?? 0,
    samples.at(-1)?.atMs ?? 0,
    failures.at(-1)?.atMs ?? 0,
    ...steps.map(({ atMs, wallMs }) => (atMs ?? 0) + (wallMs ?? 0)),
  ];
  return Math.max(1, ...ends);
}

function scaleLabels(scale: Scale | null): string[] {
  return scale === null ? [] : Array.from({ length: HEIGHT }, (_, row) => labelOf(scale, row));
}

function labelOf({ top, limit, limitRow }: Scale, row: number): string {
  if (row === limitRow && limit !== null) return formatSize(limit);
  if (row === 0) return formatSize(Math.round(top));
  return row === HEIGHT - 1 ? '0' : '';
}

type Frame = Readonly<{ scale: Scale; room: number; wholeMs: number }>;

function kmemRows({ samples, spec }: Run, atFailures: Readings, { scale, room, wholeMs }: Frame): Plotted[] {
  const values = heldReadings(samples, atFailures, { room, wholeMs, usualMs: spec.sampleMs });
  return Array.from({ length: HEIGHT }, (_, row) => ({
    label: labelOf(scale, row),
    cells: values.map((value) => barCell(value, row, scale)),
  }));
}

/** Injected failures are not caused by the limit, so they are separate. */
function markRows({ failures }: Run, room: number, wholeMs: number): Plotted[] {
  const sorts = [
    { label: 'failures', own: failures.filter(({ injected }) => injected !== true) },
    { label: 'injected', own: failures.filter(({ injected }) => injected === true) },
  ];
  return sorts.flatMap(({ label, own }) => {
    if (own.length === 0) return [];
    const counts = new Array<number>(room).fill(0);
    for (const { atMs } of own) {
      const column = columnAt(atMs, room, wholeMs);
      counts[column] = (counts[column] ?? 0) + 1;
    }
    return [{ label, cells: counts.map((count) => ({ text: markOf(count), tone: 'bad' as const })) }];
  });
}

function markOf(count: number): string {
  if (count < 2) return count === 0 ? ' ' : '×';
  return count < 10 ? String(count) : '+';
}

function columnAt(atMs: number, room: number, wholeMs: number): number {
  return Math.max(0, Math.min(room - 1, Math.floor((atMs / wholeMs) * room)));
}

function stepRows(steps: readonly Step[], room: number, wholeMs: number): Plotted[] {
  return steps.map((step, index) => ({ label: `step ${index}`, cells: bandCells(step, room, wholeMs) }));
}

/** `├─ apachectl start ──┤`; the text is beside it if the band is short; no end mark if no end was seen. */
function bandCells(step: Step, room: number, wholeMs: number): Cell[] {
  const { exit, atMs, wallMs } = step;
  const tone: Tone = exit.code === 0 ? 'plain' : 'bad';
  const how = exit.code === 0 ? '' : `: ${ending(exit)}`;
  const text = (most: number): Cell[] => {
    const name = fitted(step.name ?? step.command, Math.max(1, most - how.length));
    return cellsOf(fitted(name + how, most), tone);
  };
  if (atMs === null) return cellsOf(fitted('never started', room), 'dim');
  const from = columnAt(atMs, room, wholeMs);
  const to = wallMs === null ? from : columnAt(atMs + wallMs, room, wholeMs);
  const cells: Cell[] = new Array<Cell>(room).fill(EMPTY);
  const put = (at: number, what: readonly Cell[]): void => {
    for (const [index, cell] of what.entries()) if (at + index < room) cells[at + index] = cell;
  };
  for (let column = from; column <= to; column++) cells[column] = { text: '─', tone };
  cells[to] = { text: '┤', tone };
  cells[from] = { text: to === from && wallMs !== null ? '│' : '├', tone };
  const [inside, after, before] = [to - from - 5, room - to - 2, from - 1];
  const wanted = text(room).length;
  if (wanted <= inside || (inside >= LEAST_ROOM && inside >= Math.max(after, before))) {
    put(from + 2, [EMPTY, ...text(inside), EMPTY]);
  } else if (wanted <= after || after >= before) put(to + 2, text(after));
  else {
    const shown = text(before);
    put(from - 1 - shown.length, shown);
  }
  return cells;
}

export type Readings = readonly Pick<Result['samples'][number], 'atMs' | 'kmem'>[];

type Axis = Readonly<{
  /** Columns, and the time that they span. */
  room: number;
  wholeMs: number;
  /** Requested time between readings; null: unknown. */
  usualMs: number | null;
}>;

/** A reading holds until the next one is due; after that the value is unknown. */
const HELD_GAPS = 1.5;

/**
 * The highest reading in each column, otherwise the sample before it; null: a gap. `others`: readings out of turn, each
 * valid only for its own moment.
 */
export function heldReadings(samples: Readings, others: Readings, { room, wholeMs, usualMs }: Axis): (number | null)[] {
  const columnMs = wholeMs / room;
  const holdsMs = HELD_GAPS * Math.max(medianGap(samples) ?? usualMs ?? columnMs, columnMs);
  const columnOf = (atMs: number) => Math.max(0, Math.min(room - 1, Math.floor(atMs / columnMs)));
  const own = Map.groupBy(samples, ({ atMs }) => columnOf(atMs));
  const beside = Map.groupBy(others, ({ atMs }) => columnOf(atMs));
  let before: Readings[number] | null = null;
  return Array.from({ length: room }, (_, column) => {
    const here = own.get(column);
    const isHeld = here === undefined && before !== null && column * columnMs - before.atMs <= holdsMs;
    const held = isHeld && before !== null ? [before] : [];
    before = here?.at(-1) ?? before;
    return highest([...(here ?? held), ...(beside.get(column) ?? [])]);
  });
}

/** Null: none could be read. */
export function highest(readings: Readings): number | null {
  return readings.reduce<number | null>((most, { kmem }) => (kmem === null ? most : Math.max(most ?? 0, kmem)), null);
}

function medianGap(samples: Readings): number | null {
  const gaps = samples.slice(1).map(({ atMs }, index) => atMs - (samples[index]?.atMs ?? atMs));
  const sorted = gaps.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
