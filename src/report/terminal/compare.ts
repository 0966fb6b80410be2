import { formatSize, groupDigits } from '../../request/size.ts';
import type { Side } from '../../scenario/documents.ts';
import {
  type CallRow,
  type ComparedFigure,
  type ComparedPoint,
  type Comparison,
  growthOfPeak,
  type TallyRow,
} from '../../statistics/compare.ts';
import { ENOUGH_RUNS, type Spread, type Verdict } from '../../statistics/spread.ts';
import { counted, NOT_READ } from '../../text/figures.ts';
import { headLines, type LabelledLines, type Line, layOut, type Style, type Tone } from '../../text/layout.ts';
import { columns, cut, visible } from '../../text/visible.ts';
import { kindLines, stackLines } from './growth.ts';

const narrowest = 'kmem peak'.length;
const SHOWN_CALLS = 10;
const COMMAND_LENGTH = 60;
const VALUE_LENGTH = 80;

const names: Readonly<Record<string, string>> = {
  'kmem.maxUsage': 'kmem peak',
  'kmem.failcnt': 'failcnt',
  'mem.maxUsage': 'mem peak',
};

const tones: Readonly<Record<Verdict, Tone>> = {
  same: 'plain',
  'within-spread': 'plain',
  different: 'bad',
  'cannot-tell': 'warn',
};

export function compareText(a: Side, b: Side, comparison: Comparison, style: Style): string {
  const rows = [
    { label: 'A', lines: [sideText(a)] },
    { label: 'B', lines: [sideText(b)] },
    ...(comparison.points.length === 1
      ? pointRows(comparison.points[0] as ComparedPoint)
      : comparison.points.map(pointRow)),
    ...alone('only in A', comparison.onlyA),
    ...alone('only in B', comparison.onlyB),
    ...circumstanceRows(comparison),
  ];
  const width = Math.max(narrowest, ...rows.map(({ label }) => columns(label)));
  const tone = comparison.verdict === 'different' ? 'bad' : comparison.verdict === 'cannot-tell' ? 'warn' : 'good';
  return [...headLines(tone, headline(comparison), style), ...layOut(rows, width, style)]
    .map((text) => `${text}\n`)
    .join('');
}

function headline({ verdict, points }: Comparison): string {
  const concerned = points.filter((point) => point.verdict === verdict);
  const rows = concerned.flatMap(decisiveRows).filter((row) => row.verdict === verdict);
  const what = [...new Set(rows.map(({ name }) => name))].join(', ');
  const where = points.length > 1 ? ` at ${concerned.length} of ${counted(points.length, 'setting')}` : '';
  switch (verdict) {
    case 'different':
      return `different in ${what}${where}`;
    case 'cannot-tell':
      return `cannot tell whether ${what} changed${where}: ${rows[0]?.doubt}`;
    case 'within-spread':
      return 'the same within the spread';
    case 'same':
      return 'the same';
  }
}

/** The deciding values, with the reason if the verdict is `cannot-tell`. */
function decisiveRows(point: ComparedPoint): Readonly<{ name: string; verdict: Verdict; doubt: string }>[] {
  const figures = point.figures.filter(({ decides }) => decides);
  return [
    ...point.tallies.map(({ key, verdict }) => ({ name: key, verdict, doubt: tallyDoubt(point) })),
    ...figures.map((row) => ({ name: nameOf(row.key), verdict: row.verdict, doubt: figureDoubt(row, point) })),
    ...point.calls.map(({ verdict }) => ({ name: 'failing calls', verdict, doubt: tooFew(point) })),
  ];
}

function sideText({ name, runs, commands }: Side): string {
  const [first = ''] = commands;
  const of = commands.length > 1 ? counted(commands.length, 'command') : cut(first, COMMAND_LENGTH);
  return `${visible(name)}: ${counted(runs, 'run')} of ${of}`;
}

function pointRows(point: ComparedPoint): LabelledLines[] {
  return [
    ...point.tallies.map((row): LabelledLines => ({ label: row.key, lines: [tallyLine(row, point)] })),
    ...point.figures.flatMap((row) => figureRows(row, point)),
    ...callRows(point),
  ];
}

function figureRows(row: ComparedFigure, point: ComparedPoint): LabelledLines[] {
  const stacks = isPeak(row) ? stackLines(growthOfPeak(point)) : [];
  return [
    { label: nameOf(row.key), lines: [figureLine(row, point), ...grownLines(row, point)] },
    ...(stacks.length === 0 ? [] : [{ label: 'grown', lines: stacks }]),
  ];
}

function grownLines(row: ComparedFigure, point: ComparedPoint): string[] {
  return isPeak(row) ? kindLines(growthOfPeak(point)) : [];
}

function isPeak({ key }: ComparedFigure): boolean {
  return key === 'kmem.maxUsage';
}

/** One of several points: only what differs. */
function pointRow(point: ComparedPoint): LabelledLines {
  const lines = [
    ...point.tallies.filter(isOther).map((row) => labelled(row.key, tallyLine(row, point))),
    ...point.figures
      .filter((row) => row.decides && isOther(row))
      .flatMap((row) => [labelled(nameOf(row.key), figureLine(row, point)), ...grownLines(row, point)]),
    ...point.calls
      .filter(isOther)
      .slice(0, SHOWN_CALLS)
      .map((row) => callLine(row, point)),
  ];
  const same = `${point.verdict === 'same' ? 'the same' : 'the same within the spread'} (${runsText(point)})`;
  return { label: settingText(point.at), lines: lines.length === 0 ? [same] : lines };
}

function isOther({ verdict }: { verdict: Verdict }): boolean {
  return verdict === 'different' || verdict === 'cannot-tell';
}

function labelled(label: string, { text, tone }: Line): Line {
  return { text: `${label}: ${text}`, tone };
}

function tallyLine({ a, b, verdict }: TallyRow, point: ComparedPoint): Line {
  const [first, second] = [tallyText(a, point.runsA), tallyText(b, point.runsB)];
  // One kind in all runs of both.
  const kinds = new Set([...Object.keys(a), ...Object.keys(b)]);
  const text = kinds.size === 1 ? kindText([...kinds].join('')) : `${first} → ${second}`;
  return { text: `${text}: ${verdictText(verdict, tallyDoubt(point))}`, tone: tones[verdict] };
}

function tallyText(counts: Readonly<Record<string, number>>, runs: number): string {
  const kinds = Object.entries(counts).map(([kind, count]) => {
    const name = kindText(kind);
    return count === runs && runs === 1 ? name : `${name} (${count} of ${runs})`;
  });
  return kinds.join(', ');
}

/** Limits in bytes are made readable. */
export function kindText(kind: string): string {
  const readable = kind.replace(
    /\b(kmem|mem|memsw|kmemTcp) ([0-9]+)\b/g,
    (_, key, bytes) => `${key} ${valueText(Number(bytes), 'bytes')}`,
  );
  return cut(readable, VALUE_LENGTH) || 'none';
}

function figureLine(row: ComparedFigure, point: ComparedPoint): Line {
  const { a, b, unit, verdict, decides } = row;
  const both = a !== null && b !== null && verdict === 'same';
  const values = both ? valueText(a.median, unit) : `${spreadText(a)} → ${spreadText(b)}`;
  if (!decides) return { text: `${values} (for information: no memory limit was requested)`, tone: 'dim' };
  const how = a === null && b === null ? 'in neither' : verdictText(verdict, figureDoubt(row, point));
  return { text: `${values}: ${how}`, tone: tones[verdict] };
}

function valueText(value: number, unit: ComparedFigure['unit']): string {
  return unit === 'bytes' ? `${groupDigits(value)} (${formatSize(value)})` : groupDigits(value);
}

/** The median, with its spread in brackets. */
function spreadText(spread: Spread | null): string {
  if (spread === null) return NOT_READ;
  const { min, median, max } = spread;
  const range = min === max ? '' : ` (${groupDigits(min)} to ${groupDigits(max)})`;
  return `${groupDigits(median)}${range}`;
}

function callRows(point: ComparedPoint): LabelledLines[] {
  if (point.calls.length === 0) return [];
  const shown = point.calls.slice(0, SHOWN_CALLS).map((row) => callLine(row, point));
  const more = point.calls.length - shown.length;
  return [{ label: 'failing', lines: more === 0 ? shown : [...shown, `and ${counted(more, 'other call')}`] }];
}

function callLine({ call, a, b, verdict }: CallRow, point: ComparedPoint): Line {
  const text = `${cut(call, VALUE_LENGTH)} in ${a} of ${point.runsA} → in ${b} of ${point.runsB}: ${verdictText(verdict, tooFew(point))}`;
  return { text, tone: tones[verdict] };
}

function verdictText(verdict: Verdict, doubt: string): string {
  if (verdict === 'cannot-tell') return `cannot tell: ${doubt}`;
  return verdict === 'within-spread' ? 'the same within the spread' : verdict;
}

/** An outcome that only one side has, and rarely. */
function tallyDoubt(point: ComparedPoint): string {
  return `more than ${runsText(point)} are required`;
}

function figureDoubt({ a, b }: ComparedFigure, point: ComparedPoint): string {
  return a === null || b === null ? `it could not be read in ${a === null ? 'A' : 'B'}` : tooFew(point);
}

function tooFew(point: ComparedPoint): string {
  if (point.runsA === 1 && point.runsB === 1) return '1 run each';
  return `${runsText(point)}; ${ENOUGH_RUNS} each are enough`;
}

function runsText({ runsA, runsB }: ComparedPoint): string {
  return runsA === runsB ? `${counted(runsA, 'run')} each` : `${counted(runsA, 'run')} against ${groupDigits(runsB)}`;
}

function alone(label: string, settings: readonly ComparedPoint['at'][]): LabelledLines[] {
  return settings.length === 0 ? [] : [{ label, lines: [settings.map(settingText).join('; ')] }];
}

function circumstanceRows({ circumstances }: Comparison): LabelledLines[] {
  if (circumstances.length === 0) return [];
  const lines = circumstances.map(({ what, a, b }): Line => {
    return { text: `${what}: ${listText(a)} → ${listText(b)}`, tone: 'warn' };
  });
  return [{ label: 'note', lines }];
}

function listText(values: readonly string[]): string {
  const shown = values.slice(0, 3).map((value) => cut(value, VALUE_LENGTH));
  return [...shown, ...(values.length > 3 ? [`and ${values.length - 3} more`] : [])].join(' or ');
}

function settingText(at: ComparedPoint['at']): string {
  return Object.entries(at)
    .map(
      ([key, value]) =>
        `${key} ${typeof value === 'number' && key !== 'pids' ? formatSize(value) : visible(String(value ?? 'none'))}`,
    )
    .join(', ');
}

function nameOf(key: string): string {
  return names[key] ?? key;
}
