/** How many runs pass at each limit, in block characters. */

import { columns, shorten } from '../../text/visible.ts';
import { BLOCKS, EIGHTHS } from './cells.ts';

export type Series = Readonly<{
  label: string;
  /** From 0 to 1, one for each tick; null: no runs at that tick. */
  shares: readonly (number | null)[];
}>;

/** Rows of a single curve, enough to distinguish half of the runs from two thirds. */
const TALL = 4;
const WIDEST_POINT = 6;

/**
 * Lines without line ends, none wider than `width`; `ticks`: labels below the points. Empty for fewer than two points.
 */
export function curveText(
  { series, ticks }: Readonly<{ series: readonly Series[]; ticks: readonly string[] }>,
  width: number,
): string[] {
  if (ticks.length < 2 || series.length === 0) return [];
  const labels = series.length === 1 ? ['100 %', '0 %'] : series.map(({ label }) => label);
  const margin = Math.min(Math.max(...labels.map(columns)), Math.floor(width / 2)) + 2;
  const room = width - margin;
  const points = Math.min(ticks.length, room);
  const wide = Math.max(1, Math.min(WIDEST_POINT, Math.floor(room / points)));
  const rows =
    series.length === 1 ? tallRows(series[0] as Series, points, wide) : series.map((one) => flatRow(one, points, wide));
  const beside = (text: string): string => {
    const label = shorten(text, margin - 2);
    return `${' '.repeat(margin - 2 - columns(label))}${label} `;
  };
  const lines = rows.map(
    ({ label, text }, index) => beside(label) + (index === rows.length - 1 || series.length > 1 ? '┤' : '│') + text,
  );
  return [...lines, ' '.repeat(margin) + tickLine(ticks, points * wide, room)].map((line) => line.trimEnd());
}

type Drawn = Readonly<{ label: string; text: string }>;

function tallRows({ shares }: Series, points: number, wide: number): Drawn[] {
  const binned = binnedShares(shares, points);
  return Array.from({ length: TALL }, (_, index) => {
    const floor = TALL - 1 - index;
    const text = binned.map((share) => shareBlock(share, floor, TALL).repeat(wide)).join('');
    return { label: index === 0 ? '100 %' : floor === 0 ? '0 %' : '', text };
  });
}

function flatRow({ label, shares }: Series, points: number, wide: number): Drawn {
  return {
    label,
    text: binnedShares(shares, points)
      .map((share) => shareBlock(share, 0, 1).repeat(wide))
      .join(''),
  };
}

/**
 * `floor`: the number of whole cells below this one, of `height`. A point where all runs failed is the lowest line; one
 * without runs is a dot.
 */
export function shareBlock(share: number | null, floor: number, height: number): string {
  if (share === null) return floor === 0 ? '·' : ' ';
  const eighths = Math.round(share * height * EIGHTHS);
  const least = floor === 0 ? 1 : 0;
  // Not quite all must not look like all.
  const most = share < 1 && floor === height - 1 ? EIGHTHS - 1 : EIGHTHS;
  return BLOCKS[Math.max(least, Math.min(most, eighths - floor * EIGHTHS))] ?? ' ';
}

/** More points than columns: each column shows the mean of its points. */
function binnedShares(shares: readonly (number | null)[], points: number): (number | null)[] {
  return Array.from({ length: points }, (_, index) => {
    const from = Math.floor((index * shares.length) / points);
    const to = Math.max(from + 1, Math.floor(((index + 1) * shares.length) / points));
    const known = shares.slice(from, to).filter((share) => share !== null);
    return known.length === 0 ? null : known.reduce((sum, share) => sum + share, 0) / known.length;
  });
}

/** The first and the last tick below the ends, and one between if there is room. */
function tickLine(ticks: readonly string[], drawn: number, room: number): string {
  const [first = '', last = ''] = [ticks[0], ticks.at(-1)];
  const end = Math.min(room, Math.max(drawn, columns(first) + 2 + columns(last)));
  const gap = end - columns(first) - columns(last);
  if (gap < 1) return shorten(first, room);
  const middle = ticks[Math.floor(ticks.length / 2)] ?? '';
  const at = Math.floor(drawn / 2) - Math.floor(columns(middle) / 2) - columns(first);
  const fits = ticks.length > 2 && at >= 2 && at + columns(middle) + 2 <= gap;
  const between = fits ? ' '.repeat(at) + middle + ' '.repeat(gap - at - columns(middle)) : ' '.repeat(gap);
  return first + between + last;
}
