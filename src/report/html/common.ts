/** Pieces that the parts of a page share. */

import type { ExperimentFacts } from '../../experiment/report.ts';
import { counted, duration } from '../../text/figures.ts';
import { shellLine } from '../../text/quote.ts';
import type { NumbersTable, TableCell } from '../plots/types.ts';
import { cellText, isWide } from './cell.ts';
import { type Content, html, type Markup } from './markup.ts';

export type Tone = 'good' | 'warn' | 'bad' | 'plain';

const SIGNS: Readonly<Record<Tone, string>> = { good: '✓', warn: '!', bad: '✗', plain: '·' };

/** Identified by its word and its sign; colour only adds to them. */
export function badge(text: string, tone: Tone): Markup {
  return html`<span class="badge ${tone}"><span aria-hidden="true">${SIGNS[tone]}</span> ${text}</span>`;
}

export type Fact = readonly [label: string, value: Content, note?: Content];

/** The few figures that readers look at first. */
export function figures(facts: readonly Fact[]): Markup {
  return html`<dl class="figures">${facts.map(([label, value, note = null]) => html`<div><dt>${label}</dt><dd>${value}${note === null ? null : html`<small>${note}</small>`}</dd></div>`)}</dl>
`;
}

export function facts(list: readonly Fact[]): Markup {
  return html`<dl class="facts">${list.map(([label, value, note = null]) => html`<dt>${label}</dt><dd>${value}${note === null ? null : html` <small>${note}</small>`}</dd>`)}</dl>
`;
}

/** A table that is short enough to be written out. */
export function table({ caption, columns, rows }: NumbersTable): Markup {
  const isNumber = columns.map(({ unit }) => unit !== 'text');
  return html`<div class="scroll" role="region" aria-label="${caption}" tabindex="0"><table><caption>${caption}</caption>
<thead><tr>${columns.map(({ title }, at) => html`<th scope="col"${isNumber[at] ? html` class="number"` : null}>${title}</th>`)}</tr></thead>
<tbody>${rows.map(
    (row) => html`<tr>${row.map((value, at) => cell(value, columns[at], at === 0))}</tr>
`,
  )}</tbody></table></div>
`;
}

function cell(value: TableCell, column: NumbersTable['columns'][number] | undefined, isFirst: boolean): Markup {
  const unit = column?.unit ?? 'text';
  const text = cellText(value, unit, column?.whenNull);
  const look = unit !== 'text' ? html` class="number"` : isWide(value) ? html` class="wide"` : null;
  return isFirst ? html`<th scope="row"${look}>${text}</th>` : html`<td${look}>${text}</td>`;
}

/** A shell command with a button to copy it; `what` completes the button's name. */
export function shellCommand(line: string, what: string): Markup {
  return html`<div class="shell"><code>${line}</code><button type="button" class="copy" data-copy aria-label="Copy ${what}">Copy</button></div>
`;
}

export function list(items: readonly Content[], look = 'notes'): Markup {
  return items.length === 0
    ? html``
    : html`<ul class="${look}">${items.map((item) => html`<li>${item}</li>`)}</ul>
`;
}

export function heading(level: number, content: Content): Markup {
  if (level === 2) return html`<h2>${content}</h2>\n`;
  return level === 3 ? html`<h3>${content}</h3>\n` : html`<h4>${content}</h4>\n`;
}

/** Errors of kmem-run itself, and warnings about what may have spoiled the measurement. */
export function notices({
  warnings,
  error,
}: Readonly<{ warnings: readonly string[]; error: Readonly<{ message: string; hint: string }> | null }>): Markup {
  return html`${error === null ? null : html`<p class="notice bad"><strong>Error:</strong> ${error.message}<br>Hint: ${error.hint}</p>`}${warnings.map((text) => html`<p class="notice warn"><strong>Warning:</strong> ${text}</p>`)}
`;
}

export function commandOf({ command }: Pick<ExperimentFacts, 'command'>): string {
  return shellLine(command);
}

export function howItWasMade(report: ExperimentFacts, more: readonly Fact[] = []): Markup {
  const { id, startedAt, then, expect, warmup, prepare, timeoutMs, kmemRun, status } = report;
  return html`${heading(3, 'How it was made')}${facts([
    ['experiment', html`<code>${id}</code>`, status === 'done' ? null : 'incomplete'],
    ['command', html`<code>${commandOf(report)}</code>`],
    ...then.map((line): Fact => ['then', html`<code>${line}</code>`]),
    ...expect.map((line): Fact => ['expects', html`<code>${line}</code>`]),
    ...(prepare === null ? [] : [['before each run', html`<code>${prepare}</code>`] as const]),
    ['started', startedAt.replace('T', ' ').replace(/\.\d+Z$/, ' UTC')],
    ['discarded first', counted(warmup, 'warm-up')],
    ['time limit', timeoutMs === null ? 'no limit' : `at most ${duration(timeoutMs)}`],
    ...more,
    ['kmem-run', kmemRun],
  ])}`;
}
