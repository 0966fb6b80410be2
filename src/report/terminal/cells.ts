import type { Paint, Tone } from '../../text/layout.ts';
import { visible } from '../../text/visible.ts';

/** A column of the terminal. */
export type Cell = Readonly<{ text: string; tone: Tone }>;

/** Indexed by the filled eighths of a cell. */
export const BLOCKS = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
export const EIGHTHS = 8;

/** If no terminal reports its width. */
export const USUAL_WIDTH = 80;
const WIDEST = 120;

export const EMPTY: Cell = { text: ' ', tone: 'plain' };

// East Asian wide and fullwidth characters and emoji take two columns.
const wide =
  /[\u1100-\u115f\u2329\u232a\u2e80-\u303e\u3041-\u4dbf\u4e00-\ua4cf\ua960-\ua97f\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff01-\uff60\uffe0-\uffe6\u{16fe0}-\u{18dff}\u{1aff0}-\u{1b2ff}\u{1f000}-\u{1faff}\u{20000}-\u{3fffd}]|\p{Emoji_Presentation}/u;

/** Columns that a plot may take. */
export function plotWidth(width: number | null): number {
  return Math.max(1, Math.min(width ?? USUAL_WIDTH, WIDEST));
}

/** Upper bound on the columns of visible text. */
export function breadth(text: string): number {
  return [...text].reduce((sum, character) => sum + (wide.test(character) ? 2 : 1), 0);
}

/** Text of any origin, made visible and cut to `most` columns. */
export function fitted(text: string, most: number): string {
  const shown = visible(text.slice(0, 2 * Math.max(0, most) + 1));
  if (breadth(shown) <= most) return shown;
  let kept = '';
  for (const character of shown) {
    if (breadth(kept + character) > most - 1) break;
    kept += character;
  }
  return most < 1 ? '' : `${kept}…`;
}

/** Text as cells; a wide character is one cell, followed by an empty one. */
export function cellsOf(text: string, tone: Tone): Cell[] {
  return [...text].flatMap((character) =>
    wide.test(character)
      ? [
          { text: character, tone },
          { text: '', tone },
        ]
      : [{ text: character, tone }],
  );
}

/** The cells as a line without trailing blanks; neighbours of the same tone are painted together. */
export function lineOf(cells: readonly Cell[], paint: Paint): string {
  const end = cells.findLastIndex(({ text }) => text !== ' ') + 1;
  const parts: { text: string; tone: Tone }[] = [];
  for (const { text, tone } of cells.slice(0, end)) {
    const last = parts.at(-1);
    if (last?.tone === tone || (text === ' ' && last !== undefined)) last.text += text;
    else parts.push({ text, tone });
  }
  return parts.map(({ text, tone }) => (tone === 'plain' ? text : paint(tone, text))).join('');
}

/** Labels along an axis of `room` columns; labels without room are left out, and the ends are placed first. */
export function ticksLine(ticks: readonly Readonly<{ from: number; text: string }>[], room: number): string {
  const cells = new Array<string>(Math.max(0, room)).fill(' ');
  const [first, last] = [ticks[0], ticks.at(-1)];
  for (const tick of new Set([first, last, ...ticks])) {
    if (tick === undefined) continue;
    const { from, text } = tick;
    const size = breadth(text);
    const isFree = cells.slice(Math.max(0, from - 1), from + size + 1).every((cell) => cell === ' ');
    if (from < 0 || from + size > room || !isFree) continue;
    cells.fill('', from, from + size);
    cells[from] = text;
  }
  return cells.join('').trimEnd();
}

export type Scale = Readonly<{
  /** Bytes at the upper edge. */
  top: number;
  height: number;
  limit: number | null;
  /** The row whose upper edge is the limit, from above; null: it is not in the plot. */
  limitRow: number | null;
}>;

/** Beyond this, the limit would squash the readings. */
const MOST_ABOVE = 6;

const limitCell: Cell = { text: '▔', tone: 'warn' };

/** Null: there is nothing to draw. */
export function scaleFor({
  peak,
  limit,
  height,
}: Readonly<{ peak: number | null; limit: number | null; height: number }>): Scale | null {
  if (peak === null) return null;
  if (limit === null || limit === 0 || (peak > 0 && limit > MOST_ABOVE * peak))
    return { top: Math.max(1, peak), height, limit, limitRow: null };
  const below = peak <= limit ? height : Math.min(height - 1, Math.floor((height * limit) / peak));
  if (below < 1) return { top: peak, height, limit, limitRow: null };
  return { top: (limit * height) / below, height, limit, limitRow: height - below };
}

/** The part of a column in `row`, counted from above; null leaves it empty. */
export function barCell(value: number | null, row: number, scale: Scale): Cell {
  const beneath = scale.height - 1 - row;
  const ground = row === scale.limitRow ? limitCell : EMPTY;
  if (value === null) return ground;
  const filled = eighthsOf(value, scale) - beneath * EIGHTHS;
  if (filled <= 0) return ground;
  const isAbove = scale.limitRow !== null && row < scale.limitRow;
  return { text: BLOCKS[Math.min(EIGHTHS, filled)] ?? ' ', tone: isAbove ? 'bad' : 'plain' };
}

/** At least one: a reading of 0 is not a gap. */
function eighthsOf(value: number, { top, height, limit, limitRow }: Scale): number {
  const eighths = Math.max(1, Math.round((value / top) * height * EIGHTHS));
  if (limit === null || limitRow === null) return eighths;
  const edge = (height - limitRow) * EIGHTHS;
  if (value === limit) return edge;
  return value < limit ? Math.min(eighths, edge - 1) : Math.max(eighths, edge + 1);
}
