/** What a page carries beside its text: read by its script. */

import type { Plot } from '../plots/index.ts';
import type { NumbersTable } from '../plots/types.ts';

/** Too long to be written out: it is searched, sorted, grouped and shown a page at a time. */
export type PageTable = NumbersTable &
  Readonly<{
    id: string;
    /** Columns by which rows can be put together. */
    groups: readonly number[];
    /** Columns of which one value can be chosen. */
    choices: readonly number[];
    /** The column of lines for a shell; null: there is none. */
    copied: number | null;
  }>;

export type PageData = Readonly<{ plots: readonly Plot[]; tables: readonly PageTable[] }>;

/** Of the script element that holds them. */
export const DATA_ID = 'kmem-run-data';
