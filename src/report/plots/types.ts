/** A plot as data: what is drawn, on a page or into a file, and the same numbers for a table. */

import type { EChartsOption } from 'echarts';
import type { Palette } from './palette.ts';

export type Look = Readonly<{
  palette: Palette;
  /** Pixels. */
  width: number;
  /** The user can point and zoom. */
  live: boolean;
}>;

export type Unit = 'bytes' | 'count' | 'ms' | 'percent' | 'text';

export type TableCell = string | number | null;

/** `null` shows as its column's `whenNull`, never 0. */
export type NumbersTable = Readonly<{
  caption: string;
  columns: readonly Readonly<{ title: string; unit: Unit; whenNull?: string }>[];
  rows: readonly (readonly TableCell[])[];
}>;

/** `title` names it for everybody; `about` describes it to people who cannot see it. */
export type Named = Readonly<{ id: string; title: string; about: string }>;

/** How each kind of plot is drawn. */
export type Drawing<Data> = Readonly<{
  option: (data: Data, look: Look) => EChartsOption;
  numbers: (data: Data) => NumbersTable;
  /** Pixels. */
  height: (data: Data, width: number) => number;
}>;
