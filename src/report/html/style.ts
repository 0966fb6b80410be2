/** The look of a page: light and dark, on paper, on narrow screens. */

export const style = `
:root { color-scheme: light dark; --text: #1b1f24; --muted: #57606a; --line: #d8dee4; --surface: #fff; --sunk: #f4f6f8; --page: #fff; --link: #0057a8; --good: #0063a0; --bad: #b23a08; --warn: #855c00; --focus: #0057a8; --box-what: #cde4f6; --box-program: #e5daf3; --box-user: #d3ecdd; --box-call: #fce1c2; --box-kernel: #f5d6d2; --box-rest: #e3e7eb; --box-found: #ffd23d; --hatch: rgba(27, 31, 36, 0.17); }
@media (prefers-color-scheme: dark) { :root { --text: #e6edf3; --muted: #9aa4af; --line: #343b44; --surface: #14181d; --sunk: #1c2229; --page: #14181d; --link: #7cc0ff; --good: #6cc0f5; --bad: #ff9a5c; --warn: #e3b341; --focus: #7cc0ff; --box-what: #1c425f; --box-program: #453463; --box-user: #1e4a38; --box-call: #5c3d16; --box-kernel: #5c2d2c; --box-rest: #323a43; --box-found: #7d6000; --hatch: rgba(230, 237, 243, 0.17); } }
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; scroll-behavior: auto; }
body { margin: 0; overflow-wrap: anywhere; color: var(--text); background: var(--page); font: 15px/1.5 system-ui, "DejaVu Sans", sans-serif; }
a { color: var(--link); }
:focus-visible { outline: 3px solid var(--focus); outline-offset: 2px; border-radius: 3px; }
.skip { position: absolute; left: -999px; }
.skip:focus { left: 8px; top: 8px; background: var(--page); padding: 8px 12px; z-index: 9; }
.page { max-width: 1120px; margin: 0 auto; padding: 20px 28px 56px; }
header.top { border-bottom: 1px solid var(--line); padding-bottom: 12px; margin-bottom: 8px; }
h1 { font-size: 22px; margin: 0; line-height: 1.3; }
h2 { font-size: 20px; line-height: 1.35; margin: 28px 0 8px; overflow-wrap: anywhere; }
h3, .title { font-size: 16px; font-weight: 650; margin: 28px 0 4px; }
h4 { font-size: 15px; margin: 20px 0 4px; }
.plot .title { margin: 0; }
p { margin: 6px 0; }
.note, small { color: var(--muted); font-size: 13px; }
code, .mono { font: 13px/1.5 ui-monospace, "DejaVu Sans Mono", monospace; overflow-wrap: anywhere; unicode-bidi: isolate; }
h2 code, h4 code { font-size: 0.85em; }
td, th, dd, li { unicode-bidi: isolate; }
nav.contents ol { columns: 2; padding-left: 22px; margin: 6px 0; font-size: 14px; }
article { border-top: 1px solid var(--line); padding-top: 2px; margin-top: 24px; }
article:first-of-type { border: 0; margin-top: 0; }
.badge { display: inline-block; border: 1px solid currentcolor; border-radius: 999px; padding: 0 10px; font-size: 13px; font-weight: 600; white-space: nowrap; vertical-align: 2px; }
.good { color: var(--good); } .bad { color: var(--bad); } .warn { color: var(--warn); } .badge.plain { color: var(--muted); }
.figures { display: flex; flex-wrap: wrap; gap: 1px; background: var(--line); border: 1px solid var(--line); border-radius: 8px; overflow: hidden; margin: 14px 0; }
.figures > div { flex: 1 1 150px; min-width: 0; background: var(--surface); padding: 10px 14px; }
.figures dt { color: var(--muted); font-size: 13px; }
.figures dd { margin: 0; font-size: 19px; font-weight: 600; overflow-wrap: anywhere; }
.figures dd small { display: block; font-weight: 400; }
.facts { display: grid; grid-template-columns: minmax(110px, max-content) 1fr; gap: 3px 18px; margin: 8px 0; font-size: 14px; }
.facts dt { color: var(--muted); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
.notice { border-left: 4px solid currentcolor; background: var(--sunk); padding: 8px 12px; border-radius: 0 6px 6px 0; overflow-wrap: anywhere; }
.notes { padding-left: 20px; margin: 6px 0; color: var(--muted); font-size: 14px; }
.shell { display: flex; gap: 8px; align-items: flex-start; background: var(--sunk); border: 1px solid var(--line); border-radius: 6px; padding: 6px 6px 6px 12px; margin: 6px 0; }
.shell code { flex: 1; min-width: 0; padding-top: 3px; max-height: 8.5em; overflow: auto; }
button, select, input { font: inherit; font-size: 13px; color: var(--text); background: var(--surface); border: 1px solid var(--muted); border-radius: 6px; padding: 4px 10px; min-height: 30px; max-width: 100%; }
input[type="checkbox"] { min-height: 0; margin: 0 4px 0 0; vertical-align: middle; }
button { cursor: pointer; }
button:hover { background: var(--sunk); }
button[disabled] { opacity: 0.5; cursor: default; }
figure.plot { margin: 22px 0; border: 1px solid var(--line); border-radius: 8px; padding: 14px 16px 10px; background: var(--surface); }
.plot .note { margin: 2px 0 10px; }
.chart { width: 100%; min-height: 200px; touch-action: pan-y; }
.readout { color: var(--muted); font-size: 13px; min-height: 1.5em; margin: 2px 0; font-variant-numeric: tabular-nums; }
.mark:not(:empty) { border: 1px solid var(--line); border-left: 4px solid var(--bad); border-radius: 0 6px 6px 0; background: var(--sunk); padding: 8px 12px; margin: 6px 0 10px; }
.mark .facts { margin: 0; }
details { margin: 8px 0; }
summary { cursor: pointer; font-size: 14px; color: var(--link); padding: 3px 0; overflow-wrap: anywhere; }
.scroll { overflow-x: auto; margin: 8px 0; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
caption { text-align: left; font-weight: 600; padding: 4px 0; }
th, td { text-align: left; padding: 5px 12px 5px 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; min-width: 5.5em; }
tbody th { font-weight: 400; }
thead th { color: var(--muted); font-weight: 600; font-size: 13px; white-space: nowrap; }
th.number, td.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.number + td:not(.number), th.number + th:not(.number), th.number + td:not(.number) { padding-left: 10px; }
td:not(.wide), tbody th:not(.wide) { white-space: nowrap; }
.wide { min-width: 17em; }
.wide .shell { width: 26em; margin: 0; }
.wide .shell code { overflow-x: auto; white-space: nowrap; }

th button { border: 0; background: none; padding: 0; min-height: 0; color: inherit; font-weight: inherit; }
.tools { display: flex; flex-wrap: wrap; gap: 8px 14px; align-items: end; margin: 8px 0; }
.tools label { display: flex; flex-direction: column; color: var(--muted); font-size: 12px; }
.tools input[type="search"] { width: 260px; }
.pager { display: flex; flex-wrap: wrap; gap: 10px; align-items: center; font-size: 13px; color: var(--muted); margin: 6px 0; }
.graph { max-height: 60vh; overflow: hidden auto; border: 1px solid var(--line); background: var(--sunk); }
.boxes { position: relative; overflow: hidden; }
.box { background-color: var(--box-rest); }
.boxes .box { position: absolute; height: 24px; min-width: 2px; padding: 0 4px; border: solid var(--surface); border-width: 0 1px 1px 0; overflow: hidden; white-space: nowrap; text-overflow: ellipsis; font-size: 12px; line-height: 23px; cursor: pointer; }
.boxes .box:focus-visible { outline-offset: -3px; scroll-margin-bottom: 12em; }
.boxes .box:hover { text-decoration: underline; }
.boxes .box small { margin-left: 8px; font-size: 12px; color: inherit; opacity: 0.8; }
.box.what { background-color: var(--box-what); } .box.program { background-color: var(--box-program); } .box.user { background-color: var(--box-user); }
.box.call { background-color: var(--box-call); } .box.kernel { background-color: var(--box-kernel); }
.box.unseen { background-image: repeating-linear-gradient(135deg, transparent 0 4px, var(--hatch) 4px 6px); }
.boxes .zoomed { font-weight: 650; }
.searched .box:not(.found) { opacity: 0.55; }
.boxes .found { background-color: var(--box-found); font-weight: 650; }
.details { position: sticky; bottom: 0; min-height: 9.5em; max-height: 45vh; overflow: auto; padding: 6px 0; background: var(--page); overflow-wrap: anywhere; }
.details .facts, .details p { margin: 0; } .details .path { display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; overflow: hidden; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; list-style: none; padding: 0; margin: 6px 0; font-size: 13px; color: var(--muted); }
.legend .box { display: inline-block; width: 18px; height: 12px; margin-right: 6px; border: 1px solid var(--line); }
.parts .scroll { max-height: 32em; overflow: auto; }
.found-text { color: var(--text); }
.output { background: var(--sunk); border: 1px solid var(--line); border-radius: 6px; padding: 10px 12px; overflow: auto; max-height: 22em; font: 13px/1.45 ui-monospace, "DejaVu Sans Mono", monospace; white-space: pre-wrap; overflow-wrap: anywhere; }
footer { border-top: 1px solid var(--line); margin-top: 40px; padding-top: 10px; color: var(--muted); font-size: 13px; }
@media (max-width: 600px) {
  .page { padding: 14px 14px 40px; }
  h1 { font-size: 19px; } h2 { font-size: 17px; }
  figure.plot { margin: 16px -6px; padding: 12px 8px 8px; }
  .figures dd { font-size: 16px; }
  .facts { grid-template-columns: 1fr; gap: 0; } .facts dd { margin-bottom: 6px; }
  nav.contents ol { columns: 1; }
  .tools input[type="search"] { width: 100%; } .tools label { flex: 1 1 130px; }
}
@media print {
  :root { color-scheme: light; --text: #000; --muted: #444; --line: #bbb; --surface: #fff; --sunk: #fff; --page: #fff; --link: #000; --good: #0063a0; --bad: #b23a08; --warn: #855c00; }
  .page { max-width: none; padding: 0; } .skip, nav.contents, .copy, .tools, .pager button, .readout { display: none; }
  figure.plot, .figures, tr, .shell { break-inside: avoid; } h2, h3 { break-after: avoid; }
  .shell code, .output { max-height: none; } .scroll { overflow: visible; } .parts .scroll, .graph { max-height: none; } .details { position: static; }
}
`;
