/** Data that a page carries besides its text, for its script. */

import type { Plot } from '../plots/index.ts';
import type { ProfileData } from '../plots/profile-data.ts';
import type { NumbersTable } from '../plots/types.ts';
import { html, type Markup } from './markup.ts';

/** A table too long to be written out: it is searched, sorted, grouped and shown a page at a time. */
export type PageTable = NumbersTable &
  Readonly<{
    id: string;
    /** Columns by which rows can be grouped. */
    groups: readonly number[];
    /** Columns that can be filtered by one value. */
    choices: readonly number[];
    /** The column of shell commands; null: none. */
    copied: number | null;
  }>;

export type PageData = Readonly<{
  plots: readonly Plot[];
  tables: readonly PageTable[];
  profiles: readonly ProfileData[];
}>;

/** Id of the script element with the data. */
export const DATA_ID = 'kmem-run-data';

export type Gathering = Readonly<{
  /** Empty if there is no plot. `level`: of the heading. */
  figure: (plot: Plot | null, level?: number) => Markup;
  table: (table: PageTable) => Markup;
  profile: (profile: ProfileData) => Markup;
  data: () => PageData;
}>;

export function makeGathering(): Gathering {
  const plots: Plot[] = [];
  const tables: PageTable[] = [];
  const profiles: ProfileData[] = [];
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
    profile: (profile) => {
      profiles.push(profile);
      return html`<div class="profile" data-profile="${profile.id}"><noscript><p class="note">The graph requires JavaScript, which is part of this page.</p></noscript></div>`;
    },
    data: () => ({ plots, tables, profiles }),
  };
}

/** As an application it receives the arrow keys, even under a screen reader: they move from mark to mark. */
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
