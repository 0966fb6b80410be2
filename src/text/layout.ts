/** Labelled rows as text: aligned, wrapped to the terminal, coloured last so that no escape is ever counted or cut. */

import { styleText } from 'node:util';
import { columns, padded } from './visible.ts';

export type Tone = 'plain' | 'good' | 'bad' | 'warn' | 'dim';

export type Line = Readonly<{ text: string; tone: Tone }>;

export type LabelledLines = Readonly<{ label: string; lines: readonly (string | Line)[] }>;

export type Paint = (tone: Tone | 'strong', text: string) => string;

export type Style = Readonly<{
  color: boolean;
  /** Columns of the terminal; null: lines are not wrapped. */
  width: number | null;
}>;

/** `plot`: pictures in block characters too. */
export type PlotStyle = Style & Readonly<{ plot?: boolean }>;

const formats = { plain: [], good: ['green'], bad: ['red'], warn: ['yellow'], dim: ['dim'], strong: ['bold'] } as const;
const NAME = 'kmem-run: ';
const INDENT = 2;
const GAP = 2;
const NARROWEST = 40;

export function painter(color: boolean): Paint {
  if (!color) return (_tone, text) => text;
  // The caller knows the stream; styleText's own check would look at stdout.
  return (tone, text) => styleText([...formats[tone]], text, { validateStream: false });
}

/** The first sentence of a report, after the program's name. */
export function headLines(tone: Tone, text: string, { color, width }: Style): string[] {
  const paint = painter(color);
  const [first = '', ...others] = wrap(NAME + text, width === null ? null : Math.max(width, NARROWEST));
  return [paint('strong', NAME) + paint(tone, first.slice(NAME.length)), ...others.map((line) => paint(tone, line))];
}

/** Columns left for a row's text; null: unlimited. */
export function textWidth(labelWidth: number, { width }: Pick<Style, 'width'>): number | null {
  return width === null ? null : Math.max(width, NARROWEST) - INDENT - labelWidth - GAP;
}

export function layOut(rows: readonly LabelledLines[], labelWidth: number, style: Style): string[] {
  const paint = painter(style.color);
  const width = textWidth(labelWidth, style);
  return rows.flatMap(({ label, lines }) =>
    lines
      .flatMap((line) => {
        const { text, tone } = typeof line === 'string' ? ({ text: line, tone: 'plain' } as const) : line;
        return wrap(text, width).map((piece) => paint(tone, piece));
      })
      .map(
        (text, index) =>
          `${' '.repeat(INDENT)}${paint('dim', padded(index === 0 ? label : '', labelWidth))}${' '.repeat(GAP)}${text}`,
      ),
  );
}

/**
 * Breaks at blanks, preferably after a comma or the like in the second half; lines after the first are indented. A word
 * that is too long stays whole, so that it can be copied.
 */
export function wrap(text: string, width: number | null): string[] {
  const lines: string[] = [];
  let rest = text;
  while (width !== null && columns(rest) > width) {
    const at = breakIn(rest, width);
    if (at === null) break;
    lines.push(rest.slice(0, at));
    rest = `  ${rest.slice(at).trimStart()}`;
  }
  return [...lines, rest];
}

/** Index of the blank to break at: in the first `width` columns, otherwise the first one; null if there is none. */
function breakIn(text: string, width: number): number | null {
  const start = text.length - text.trimStart().length;
  // A character has at most two code units.
  const blanks = [...text.slice(start, 2 * width).matchAll(/(?<=\S) /g)].map(({ index }) => start + index);
  const fitting = blanks.filter((index) => columns(text.slice(0, index)) <= width);
  const pauses = fitting.filter((index) => index > width / 2 && /[,;:]/.test(text[index - 1] ?? ''));
  const first = text.indexOf(' ', start);
  return pauses.at(-1) ?? fitting.at(-1) ?? (first === -1 ? null : first);
}
