import { html, type Markup } from '../report/html/markup.ts';
import { reportPage } from '../report/html/page.ts';
import type { ReportDocument } from '../scenario/documents.ts';
import type { StoredExperiment } from '../store/types.ts';
import { counted } from '../text/figures.ts';

export { listPage, messagePage } from './list-page.ts';

type BuiltScripts = Readonly<{ script: string; liveScript: string; version: string }>;

export function runPage(
  document: ReportDocument,
  about: Readonly<{ id: string; experimentId: string | null }>,
  made: BuiltScripts,
): string {
  const { id, experimentId } = about;
  const up =
    experimentId === null ? null : html`<a href="../experiment/${encodeURIComponent(experimentId)}">Its experiment</a>`;
  return page([document], links([up, compareLink(id)]), made);
}

export function experimentPage(
  documents: readonly ReportDocument[],
  { id, runs, status }: StoredExperiment,
  { changes, ...made }: BuiltScripts & Readonly<{ changes: string }>,
): string {
  const own = html`<a href="../?experiment=${encodeURIComponent(id)}">Its ${counted(runs, 'run')}</a>`;
  const before = html`${links([own, compareLink(id)])}${status === 'running' ? liveBar(id, changes) : null}`;
  return page(documents, before, made);
}

export function comparePage(document: ReportDocument, made: BuiltScripts): string {
  return page(
    [document],
    html`<nav class="pager" aria-label="Elsewhere"><a href="./">All saved results</a></nav>`,
    made,
  );
}

function page(
  documents: readonly ReportDocument[],
  before: Markup,
  { script, liveScript, version }: BuiltScripts,
): string {
  return reportPage(documents, { script, version, before, more: { script: liveScript, connect: "'self'" } });
}

function links(more: readonly (Markup | null)[]): Markup {
  return html`<nav class="pager" aria-label="Elsewhere"><a href="../">All saved results</a>${more}</nav>`;
}

function compareLink(id: string): Markup {
  return html`<a href="../?with=${encodeURIComponent(id)}">Compare with another result</a>`;
}

/** An experiment left by a killed kmem-run looks the same as a running one, so the bar shows when a run last ended. */
function liveBar(id: string, changes: string): Markup {
  return html`<p class="pager" data-live="experiment" data-root="../" data-experiment="${id}" data-changes="${changes}"><span class="badge warn">running</span><span role="status" id="live">according to the store</span><label><input type="checkbox" id="redraw" checked> redraw as runs end</label></p>`;
}
