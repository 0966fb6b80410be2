/** Collects what a page's script draws, and gives the places where it does. */

import type { Plot } from '../plots/index.ts';
import type { PageData, PageTable } from './data.ts';
import { html, type Markup } from './markup.ts';

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
      return html`<div class="long" data-table="${table.id}"><noscript><p class="note">This table needs JavaScript, which this page brings along.</p></noscript></div>`;
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
