/** A long table: a page of rows at a time, with search, choices, sorting and grouping. */

import { counted } from '../../../text/figures.ts';
import type { TableCell } from '../../plots/types.ts';
import { cellText, isWide } from '../cell.ts';
import type { PageTable } from '../data.ts';
import { copyButton, element, selectOf } from './dom.ts';
import { cellName, groupsIn, rowsIn, type TableRow, type View } from './rows.ts';

const PAGE = 50;
/** For more values than this, use the search. */
const MOST_CHOICES = 40;

type State = { search: string; chosen: Map<number, string>; sort: View['sort']; groupBy: number | null; page: number };

export function mountTable(table: PageTable, place: HTMLElement): void {
  const state: State = { search: '', chosen: new Map(), sort: null, groupBy: null, page: 0 };
  const body = element('div', {});
  const status = element('span', { role: 'status' });
  const refresh = (): void => {
    status.textContent = show(table, state, body, update);
  };
  const update = (change: () => void): void => {
    change();
    refresh();
  };
  place.replaceChildren(toolsOf(table, state, update), body, pagerOf(table, state, update, status));
  refresh();
}

type Update = (change: () => void) => void;

function toolsOf({ caption, columns, rows, groups, choices }: PageTable, state: State, update: Update): HTMLElement {
  const tools = element('div', { class: 'tools', role: 'search', 'aria-label': `Filters of: ${caption}` });
  const search = element('input', { type: 'search', placeholder: 'any text', autocomplete: 'off' });
  search.addEventListener('input', () =>
    update(() => {
      state.search = search.value;
      state.page = 0;
    }),
  );
  if (rows.length > 8) tools.append(element('label', {}, 'Search', search));
  for (const column of choices) {
    const values = groupsIn(rows, column).map(({ value }) => cellName(value, columns[column]?.whenNull));
    if (values.length < 2 || values.length > MOST_CHOICES) continue;
    tools.append(
      selectOf(`Only ${columns[column]?.title}`, ['all', ...values], (value, index) =>
        update(() => {
          if (index === 0) state.chosen.delete(column);
          else state.chosen.set(column, value);
          state.page = 0;
        }),
      ),
    );
  }
  if (groups.length > 0) {
    const titles = groups.map((column) => columns[column]?.title ?? '');
    tools.append(
      selectOf('Group by', ['nothing', ...titles], (_, index) =>
        update(() => {
          state.groupBy = index === 0 ? null : (groups[index - 1] ?? null);
          state.page = 0;
        }),
      ),
    );
  }
  return tools;
}

function pagerOf(table: PageTable, state: State, update: Update, status: HTMLElement): HTMLElement {
  const turn = (by: number) => () =>
    update(() => {
      const last = Math.max(0, Math.ceil(linesOf(table, state).length / PAGE) - 1);
      state.page = Math.min(last, Math.max(0, state.page + by));
    });
  const back = element('button', { type: 'button', 'aria-label': `Earlier rows of: ${table.caption}` }, '‹ Earlier');
  const on = element('button', { type: 'button', 'aria-label': `Further rows of: ${table.caption}` }, 'Further ›');
  back.addEventListener('click', turn(-1));
  on.addEventListener('click', turn(1));
  return element('div', { class: 'pager' }, status, ...(table.rows.length > PAGE ? [back, on] : []));
}

function linesOf(table: PageTable, state: State): readonly unknown[] {
  const found = rowsIn(table, state);
  return state.groupBy === null ? found : groupsIn(found, state.groupBy);
}

/** Fills the table and returns its status text. */
function show(table: PageTable, state: State, body: HTMLElement, update: Update): string {
  const found = rowsIn(table, state);
  const from = state.page * PAGE;
  if (state.groupBy !== null) {
    const groups = groupsIn(found, state.groupBy);
    body.replaceChildren(groupTable(table, state.groupBy, groups.slice(from, from + PAGE)));
    return `${counted(groups.length, 'group')} of ${counted(found.length, 'row')}`;
  }
  const shown = found.slice(from, from + PAGE);
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset.sort : undefined;
  body.replaceChildren(rowTable(table, shown, state, update));
  // The head is rebuilt: the focus of a keyboard user must stay where it was.
  if (focused !== undefined) body.querySelector<HTMLElement>(`[data-sort="${focused}"]`)?.focus();
  if (found.length === 0) return `no row of ${table.rows.length} matches`;
  const of = found.length === table.rows.length ? '' : `, found in ${table.rows.length}`;
  return found.length <= PAGE
    ? `${counted(found.length, 'row')}${of}`
    : `rows ${from + 1} to ${from + shown.length} of ${found.length}${of}`;
}

function groupTable({ caption, columns }: PageTable, column: number, groups: ReturnType<typeof groupsIn>): HTMLElement {
  const head = element(
    'tr',
    {},
    element('th', { scope: 'col' }, columns[column]?.title ?? ''),
    element('th', { scope: 'col', class: 'number' }, 'rows'),
  );
  const lines = groups.map(({ value, count }) =>
    element(
      'tr',
      {},
      element('th', { scope: 'row' }, textOf(value, columns[column])),
      element('td', { class: 'number' }, String(count)),
    ),
  );
  return framed(`${caption}, by ${columns[column]?.title}`, head, lines);
}

function rowTable(table: PageTable, rows: readonly TableRow[], state: State, update: Update): HTMLElement {
  const { columns, copied, caption } = table;
  const head = element('tr', {});
  for (const [at, { title, unit }] of columns.entries()) {
    const order = state.sort?.column === at ? (state.sort.down ? 'descending' : 'ascending') : null;
    const button = element(
      'button',
      { type: 'button', 'data-sort': String(at) },
      `${title}${order === null ? '' : order === 'ascending' ? ' ▲' : ' ▼'}`,
    );
    button.addEventListener('click', () =>
      update(() => {
        state.sort = { column: at, down: order === 'ascending' };
        state.page = 0;
      }),
    );
    head.append(element('th', { scope: 'col', class: unit === 'text' ? null : 'number', 'aria-sort': order }, button));
  }
  const lines = rows.map((row) =>
    element('tr', {}, ...row.map((cell, at) => cellOf(cell, columns[at], at, at === copied))),
  );
  return framed(caption, head, lines);
}

function cellOf(
  cell: TableCell,
  column: PageTable['columns'][number] | undefined,
  at: number,
  copied: boolean,
): HTMLElement {
  const text = textOf(cell, column);
  const look = column?.unit === 'text' ? (copied || isWide(cell) ? 'wide' : null) : 'number';
  if (at === 0) return element('th', { scope: 'row', class: look }, text);
  if (!copied || typeof cell !== 'string') return element('td', { class: look }, text);
  return element(
    'td',
    { class: look },
    element('div', { class: 'shell' }, element('code', {}, cell), copyButton(cell, `Copy: ${cell.slice(0, 60)}`)),
  );
}

function textOf(cell: TableCell, column: PageTable['columns'][number] | undefined): string {
  return cellText(cell, column?.unit ?? 'text', column?.whenNull);
}

function framed(caption: string, head: HTMLElement, lines: readonly HTMLElement[]): HTMLElement {
  const table = element(
    'table',
    {},
    element('caption', {}, caption),
    element('thead', {}, head),
    element('tbody', {}, ...lines),
  );
  return element('div', { class: 'scroll', role: 'region', 'aria-label': caption, tabindex: '0' }, table);
}
