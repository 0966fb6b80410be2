import { badge, type Tone } from '../report/html/common.ts';
import { framedPage } from '../report/html/frame.ts';
import { type Content, html, type Markup } from '../report/html/markup.ts';
import { style } from '../report/html/style.ts';
import { localTime } from '../report/terminal/history.ts';
import { groupDigits } from '../request/size.ts';
import type { Browsed, BrowsedExperiment, BrowsedRun, Sort } from '../store/types.ts';
import { counted, number, shortSize } from '../text/figures.ts';
import { cut } from '../text/visible.ts';
import { isUsuallyDown, KINDS, type ListQuery, listAddress, outcomes, PAGE_LENGTH } from './query.ts';

export type ListFacts = Readonly<{
  browsed: Browsed;
  query: ListQuery;
  /** File of the store. */
  store: string;
  /** Stamp of the data behind the list. */
  changes: string;
  /** Of the browser. */
  script: string;
  version: string;
}>;

const COMMAND_LENGTH = 160;
const FAILING_LENGTH = 120;

export function listPage(facts: ListFacts): string {
  const { query, store, changes, script, version } = facts;
  const title = query.experimentId === null ? 'Saved results' : `The runs of ${cut(query.experimentId, 40)}`;
  return framed({ title: `kmem-run: ${title}`, script, version }, [
    html`<header class="top"><h1>${title}</h1>
<p class="note">in <code>${store}</code></p></header>
<main id="content">
${query.with === null ? null : pickNotice(query)}
${filters(query)}
<p class="pager" data-live="list" data-root="./" data-changes="${changes}"><span role="status" id="live" class="note"></span></p>
${keptPart(facts)}
</main>`,
  ]);
}

/** Also for pages that cannot be shown. */
export function messagePage({
  title,
  message,
  hint,
  back,
  version,
}: Readonly<{ title: string; message: string; hint: string; back: string; version: string }>): string {
  return framed({ title: `kmem-run: ${title}`, script: null, version }, [
    html`<header class="top"><h1>${title}</h1><nav class="pager" aria-label="Elsewhere"><a href="${back}">All saved results</a></nav></header>
<main id="content"><p class="notice bad">${message}<br>Hint: ${hint}</p></main>`,
  ]);
}

type Frame = Readonly<{ title: string; script: string | null; version: string }>;

function framed({ title, script, version }: Frame, body: Content): string {
  return framedPage({
    title,
    style: style + listStyle,
    scripts: script === null ? [] : [script],
    allowed: { 'img-src': 'data:', 'connect-src': "'self'", 'form-action': "'self'" },
    skip: 'Skip to the list',
    // Stops browsers requesting /favicon.ico.
    head: html`<link rel="icon" href="data:,">
`,
    body,
    footer: `kmem-run ${version}. This page shows saved results; it starts and changes nothing.`,
  });
}

function pickNotice(query: ListQuery): Markup {
  return html`<p class="notice">Compare <code>${query.with}</code> with another result: choose it below. <a href="${listAddress(query, { with: null })}">Cancel</a></p>
`;
}

function filters(query: ListQuery): Markup {
  const { text, kind, outcome, label, experimentId, sort, descending, with: other } = query;
  const hidden = [
    ['experiment', experimentId],
    ['with', other],
    ['way', isUsuallyDown(sort) === descending ? null : descending ? 'down' : 'up'],
  ] as const;
  const isFiltered = text !== null || kind !== null || outcome !== null || label !== null || experimentId !== null;
  const everything = { text: null, kind: null, outcome: null, label: null, experimentId: null };
  return html`<form class="tools" method="get" action="./" role="search" aria-label="Filters of the list" data-filters>
<label>Command, label or id<input type="search" name="text" value="${text ?? ''}" autocomplete="off"></label>
${experimentId === null ? select('Kind', 'kind', KINDS, kind) : null}
${select('Outcome of runs', 'outcome', outcomes, outcome)}
<label class="narrow">Sort by<select name="sort">${columns.map(({ title, sort: value }) => html`<option value="${value}"${value === sort ? html` selected` : null}>${title}</option>`)}</select></label>
${label === null ? null : html`<label>Label<input name="label" value="${label}"></label>`}
${hidden.map(([name, value]) => (value === null ? null : html`<input type="hidden" name="${name}" value="${value}">`))}
<button type="submit">Show</button>
${isFiltered ? html`<a href="${listAddress(query, everything)}">All saved results</a>` : null}
</form>
`;
}

function select(title: string, name: string, values: readonly string[], chosen: string | null): Markup {
  return html`<label>${title}<select name="${name}"><option value="">any</option>${values.map(
    (value) => html`<option${value === chosen ? html` selected` : null}>${value}</option>`,
  )}</select></label>`;
}

function keptPart({ browsed, query }: ListFacts): Markup {
  const { entries, total } = browsed;
  const from = (query.page - 1) * PAGE_LENGTH;
  const shown = entries.length === 0 ? 'nothing' : `${groupDigits(from + 1)} to ${groupDigits(from + entries.length)}`;
  const pages = Math.max(1, Math.ceil(total / PAGE_LENGTH));
  return html`<section id="kept" aria-label="Results">
${
  entries.length === 0
    ? html`<p class="nothing">No saved results match.</p>`
    : html`<table class="kept" role="table"><thead role="rowgroup"><tr role="row">${columns.map((column) => headCell(column, query))}<th role="columnheader" scope="col" class="act"><span class="note">Compare</span></th></tr></thead>
<tbody role="rowgroup">${entries.map((entry) => (entry.entry === 'run' ? runRow(entry, query) : experimentRow(entry, query)))}</tbody></table>`
}
<nav class="pager" aria-label="Pages">${pageLink('Previous', query, query.page - 1, pages)}<span>${shown} of ${groupDigits(total)}</span>${pageLink('Next', query, query.page + 1, pages)}</nav>
</section>
`;
}

const columns: readonly Readonly<{ title: string; sort: Sort; isNumber: boolean }>[] = [
  { title: 'started', sort: 'started', isNumber: false },
  { title: 'command', sort: 'command', isNumber: false },
  { title: 'outcome', sort: 'state', isNumber: false },
  { title: 'limit', sort: 'limit', isNumber: true },
  { title: 'peak', sort: 'peak', isNumber: true },
  { title: 'failcnt', sort: 'failcnt', isNumber: true },
];

function headCell({ title, sort, isNumber }: (typeof columns)[number], query: ListQuery): Markup {
  const isOn = query.sort === sort;
  const descending = isOn ? !query.descending : isUsuallyDown(sort);
  const state = isOn ? html` aria-sort="${query.descending ? 'descending' : 'ascending'}"` : null;
  const arrow = isOn ? html`<span aria-hidden="true"> ${query.descending ? '↓' : '↑'}</span>` : null;
  return html`<th role="columnheader" scope="col"${state}${isNumber ? html` class="number"` : null}><a href="${listAddress(query, { sort, descending })}">${title}${arrow}</a></th>`;
}

function pageLink(title: string, query: ListQuery, page: number, pages: number): Markup | null {
  if (page < 1 || page > pages) return null;
  return html`<a rel="${title === 'Next' ? 'next' : 'prev'}" href="${listAddress(query, { page })}">${title}</a>`;
}

function runRow(run: BrowsedRun, query: ListQuery): Markup {
  const { id, command, startedAt, outcome, kmemLimit, maxUsage, failcnt, label, firstFailing } = run;
  const tone: Tone = outcome === 'passed' ? 'good' : outcome === 'interrupted' ? 'warn' : 'bad';
  const chip =
    label === null
      ? null
      : html`<a class="chip" href="${listAddress(query, { label, experimentId: null })}">${cut(label, 40)}</a>`;
  const failing =
    firstFailing === null ? null : html`<small>first failed: ${cut(firstFailing, FAILING_LENGTH)}</small>`;
  return html`<tr role="row" id="row-${id}"><td role="cell"><time datetime="${startedAt}">${localTime(startedAt)}</time></td>
<td role="cell" class="what"><a href="run/${encodeURIComponent(id)}">${shown(command, id)}</a>${chip}${failing}</td>
<td role="cell" class="state">${badge(outcome, tone)}</td>
<td role="cell" class="number" data-title="limit">${kmemLimit === null ? 'none' : shortSize(kmemLimit)}</td>
<td role="cell" class="number" data-title="peak">${shortSize(maxUsage)}${meter(maxUsage, kmemLimit)}</td>
<td role="cell" class="number" data-title="failcnt">${number(failcnt)}</td>
<td role="cell" class="act">${compareLink(id, query)}</td></tr>
`;
}

function experimentRow(experiment: BrowsedExperiment, query: ListQuery): Markup {
  const { id, command, startedAt, kind, status, runs } = experiment;
  const tone: Tone = status === 'done' ? 'plain' : 'warn';
  return html`<tr role="row" id="row-${id}"><td role="cell"><time datetime="${startedAt}">${localTime(startedAt)}</time></td>
<td role="cell" class="what"><a href="experiment/${encodeURIComponent(id)}">${shown(command, id)}</a><span class="chip">${kind}</span><small>${counted(runs, 'run')}</small></td>
<td role="cell" class="state">${badge(status, tone)}</td>
<td role="cell" class="number" data-title="limit"></td><td role="cell" class="number" data-title="peak"></td><td role="cell" class="number" data-title="failcnt"></td>
<td role="cell" class="act">${compareLink(id, query)}</td></tr>
`;
}

/** A command of blanks would be an invisible link. */
function shown(command: string, id: string): string {
  return command.trim() === '' ? `(${id})` : cut(command, COMMAND_LENGTH);
}

function compareLink(id: string, query: ListQuery): Markup | null {
  const { with: other } = query;
  if (other === id) return html`<span class="note">chosen</span>`;
  if (other === null)
    return html`<a href="${listAddress(query, { with: id })}" aria-label="Compare ${id} with another">compare</a>`;
  const address = `compare?${new URLSearchParams({ a: other, b: id })}`;
  return html`<a href="${address}" aria-label="Compare ${other} with ${id}">with this</a>`;
}

/** Share of the limit that a run used; the adjacent figures state it. */
function meter(peak: number | null, limit: number | null): Markup | null {
  if (peak === null || limit === null || limit === 0) return null;
  const part = Math.max(1, Math.round(Math.min(1, peak / limit) * 100));
  return html`<svg class="bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true"><rect class="room" width="100" height="6"/><rect class="${peak > limit ? 'over' : 'used'}" width="${part}" height="6"/></svg>`;
}

/** Styles that the list adds to those of a report. */

export const listStyle = `
.kept { width: 100%; }
.kept td, .kept th { min-width: 0; white-space: normal; }
.kept td.number, .kept .state, .kept .act, .kept thead th { white-space: nowrap; overflow-wrap: normal; }
.kept tbody tr:hover { background: var(--sunk); }
.kept .what { min-width: 15em; }
.kept .what a { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; }
.kept .what small, .kept time { display: block; }
.kept time { white-space: nowrap; font-variant-numeric: tabular-nums; }
.kept td.number small { display: block; }
.kept .bar { display: block; width: 90px; height: 6px; margin: 4px 0 0 auto; }
.bar .room { fill: var(--line); } .bar .used { fill: var(--good); } .bar .over { fill: var(--bad); }
.kept th a { color: inherit; text-decoration: none; } .kept th a:hover { text-decoration: underline; }
.kept th[aria-sort] a { color: var(--text); }
.chip { border: 1px solid var(--line); border-radius: 999px; padding: 0 8px; margin-left: 6px; font-size: 12px; color: var(--muted); white-space: nowrap; }
.tools .narrow { display: none; }
.nothing { padding: 32px 0; color: var(--muted); }
@media (max-width: 760px) {
  .tools .narrow { display: flex; }
  .kept, .kept tbody, .kept tr, .kept td, .kept th { display: block; border: 0; padding: 0; text-align: left; }
  .kept thead { position: absolute; left: -999px; }
  .kept tbody tr { border-bottom: 1px solid var(--line); padding: 10px 0; display: flex; flex-wrap: wrap; gap: 2px 16px; align-items: baseline; }
  .kept .what { order: -2; width: 100%; min-width: 0; }
  .kept .state { order: -1; }
  .kept td.number, .kept th.number { text-align: left; }
  .kept td.number:not(:empty)::before { content: attr(data-title) " "; color: var(--muted); font-size: 12px; }
  .kept td.number small, .kept .bar { display: none; }
  .kept td:empty { display: none; }
}
@media print { .kept .act, nav.pager { display: none; } }
`;
