/** A plot as data: what is drawn, on a page or into a file, and the same numbers for a table. */

import type { EChartsOption } from 'echarts';
import type { Palette } from './palette.ts';

export type Look = Readonly<{
  palette: Palette;
  /** Pixels. */
  width: number;
  /** There is somebody who can point and zoom. */
  live: boolean;
}>;

export type Unit = 'bytes' | 'count' | 'ms' | 'percent' | 'text';

export type TableCell = string | number | null;

/** `null` is `whenNull` of its column, never 0. */
export type NumbersTable = Readonly<{
  caption: string;
  columns: readonly Readonly<{ title: string; unit: Unit; whenNull?: string }>[];
  rows: readonly (readonly TableCell[])[];
}>;

/** `title` names it for everybody, `about` tells those who do not see it what there is to see. */
export type Named = Readonly<{ id: string; title: string; about: string }>;

/** What each kind of plot is made by. */
export type Drawing<Data> = Readonly<{
  option: (data: Data, look: Look) => EChartsOption;
  numbers: (data: Data) => NumbersTable;
  /** Pixels. */
  height: (data: Data, width: number) => number;
}>;
