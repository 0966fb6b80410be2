/** What a page carries beside its text: read by its script. */

import type { Plot } from '../plots/index.ts';
import type { NumbersTable } from '../plots/types.ts';
import { html, type Markup } from './markup.ts';

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

export type Gathering = Readonly<{
  /** Nothing for no plot. `level`: of its heading. */
  figure: (plot: Plot | null, level?: number) => Markup;
  table: (table: PageTable) => Markup;
  data: () => PageData;
}>;

export function makeGathering(): Gathering {
  const plots: Plot[] = [];
  const tables: PageTable[] = [];
  return {
    figure: (plot, level = 3) => {
      if (plot === null) return html``;
      plots.push(plot);
      return figure(plot, level);
    },
    table: (table) => {
      tables.push(table);
      return html`<div class="long" data-table="${table.id}"><noscript><p class="note">This table requires JavaScript, which is part of this page.</p></noscript></div>`;
    },
    data: () => ({ plots, tables }),
  };
}

/** As an application its arrow keys are ours, also under a screen reader: they go from mark to mark. */
function figure({ id, title, about, kind }: Plot, level: number): Markup {
  return html`<figure class="plot" id="${id}" data-kind="${kind}">
<figcaption><div role="heading" aria-level="${level}" class="title">${title}</div><p class="note" id="${id}-about">${about}</p></figcaption>
<div class="chart" data-plot="${id}" role="application" aria-roledescription="plot" aria-label="${title}" aria-describedby="${id}-about" tabindex="0"></div>
<p class="readout" aria-hidden="true"></p>
<div class="mark" role="status"></div>
<details class="numbers"><summary>${title}: the numbers as a table</summary><div data-numbers="${id}"></div></details>
</figure>
`;
}
