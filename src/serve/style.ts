/** What the list adds to the look of a report. */

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
