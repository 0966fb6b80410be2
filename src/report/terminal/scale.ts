/** Bytes as heights in a picture, so that what is below the limit is drawn below it, and what is above it above. */

import { BLOCKS, type Cell, EIGHTHS, EMPTY } from './cells.ts';

export type Scale = Readonly<{
  /** Bytes at the upper edge. */
  top: number;
  height: number;
  limit: number | null;
  /** The row whose upper edge is the limit, from above; null: it is not in the picture. */
  limitRow: number | null;
}>;

/** Beyond this the limit would press the readings to the ground. */
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

/** The part of a column that is in `row`, from above; null leaves it empty. */
export function barCell(value: number | null, row: number, scale: Scale): Cell {
  const beneath = scale.height - 1 - row;
  const ground = row === scale.limitRow ? limitCell : EMPTY;
  if (value === null) return ground;
  const filled = eighthsOf(value, scale) - beneath * EIGHTHS;
  if (filled <= 0) return ground;
  const isAbove = scale.limitRow !== null && row < scale.limitRow;
  return { text: BLOCKS[Math.min(EIGHTHS, filled)] ?? ' ', tone: isAbove ? 'bad' : 'plain' };
}

/** One at least: a 0 that was read is not a gap. */
function eighthsOf(value: number, { top, height, limit, limitRow }: Scale): number {
  const eighths = Math.max(1, Math.round((value / top) * height * EIGHTHS));
  if (limit === null || limitRow === null) return eighths;
  const edge = (height - limitRow) * EIGHTHS;
  if (value === limit) return edge;
  return value < limit ? Math.min(eighths, edge - 1) : Math.max(eighths, edge + 1);
}
