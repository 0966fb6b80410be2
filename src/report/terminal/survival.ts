import type { Share, Survival } from '../../experiment/survival.ts';
import { type Interval, wilson } from '../../statistics/spread.ts';
import { painter, type Style, type Tone } from '../../text/layout.ts';
import { type Cell, EMPTY, fitted, lineOf, plotWidth, ticksLine } from './cells.ts';
import { curveText, shareBlock } from './curve.ts';

const HEIGHT = 8;
const INDENT = 2;
const MARGIN = '100 % '.length;
/** Fits an interval beside a bar and a blank between two points. */
const NARROWEST = 3;
const WIDEST = 8;
/** More settings of the other limits than these are drawn one per row. */
const MOST_PICTURES = 4;

/** Lines with line ends, none wider than the terminal; empty for fewer than two limits. */
export function survivalText({ along, ticks, series }: Survival, { color, width }: Style): string {
  if (ticks.length < 2 || series.length === 0) return '';
  const columns = plotWidth(width);
  const paint = painter(color);
  const room = columns - INDENT - MARGIN - 1;
  const wide = Math.min(WIDEST, Math.floor(room / ticks.length));
  const title = `  runs that pass, over ${along}`;
  if (wide < NARROWEST || series.length > MOST_PICTURES) {
    const lines = survivalCurve({ ticks, series }, Math.max(1, columns - INDENT)).map((line) => `  ${line}`);
    return [title, ...lines].map((line) => `${fitted(line, columns)}\n`).join('');
  }
  const pictures = series.flatMap(({ label, shares }) => [
    paint('dim', fitted(`${title}${label === '' ? '' : `, at ${label}`}; │ is the 95 % confidence interval`, columns)),
    ...Array.from({ length: HEIGHT }, (_, row) => {
      const edge = row === 0 ? '100 %' : row === HEIGHT - 1 ? '0 %' : row === HEIGHT / 2 ? '50 %' : '';
      const cells = shares.flatMap((share) => pointCells(share, row, wide));
      return paint('dim', `${' '.repeat(INDENT)}${edge.padStart(MARGIN - 1)} │`) + lineOf(cells, paint);
    }),
    paint('dim', ' '.repeat(INDENT + MARGIN + 1) + tickLine(ticks, wide)),
  ]);
  return pictures.map((line) => `${line}\n`).join('');
}

/** Without intervals, in few lines. */
export function survivalCurve({ ticks, series }: Pick<Survival, 'ticks' | 'series'>, width: number): string[] {
  const drawn = series.map(({ label, shares }) => ({
    label,
    shares: shares.map((share) => (share === null ? null : share.passed / share.runs)),
  }));
  return curveText({ series: drawn, ticks }, width);
}

/** A bar, the interval beside it, a blank. */
function pointCells(share: Share | null, row: number, wide: number): Cell[] {
  const beneath = HEIGHT - 1 - row;
  const part = share === null ? null : share.passed / share.runs;
  const block = { text: shareBlock(part, beneath, HEIGHT), tone: toneOf(share) };
  const bar = new Array<Cell>(Math.max(1, wide - 2)).fill(block);
  return [...bar, intervalCell(share === null ? null : wilson(share.passed, share.runs), beneath), EMPTY];
}

function intervalCell(interval: Interval | null, beneath: number): Cell {
  if (interval === null) return EMPTY;
  const { low, high } = interval;
  const [from, to] = [low * HEIGHT - beneath, high * HEIGHT - beneath];
  if (to <= 0 || from >= 1) return EMPTY;
  const text = from > 0 && to < 1 ? '╎' : from > 0.5 ? '╵' : to < 0.5 ? '╷' : '│';
  return { text, tone: 'dim' };
}

function toneOf(share: Share | null): Tone {
  if (share === null) return 'dim';
  return share.passed === share.runs ? 'good' : share.passed === 0 ? 'bad' : 'warn';
}

/** Each tick is below its bar; the last one ends where its point does. */
function tickLine(ticks: readonly string[], wide: number): string {
  const room = ticks.length * wide;
  const places = ticks.map((text, index) => ({ from: Math.min(index * wide, room - text.length), text }));
  return ticksLine(places, room);
}
