/** The comparison's result: the final terminal output, the JSON, and its part of the page. */

import { existsSync, readFileSync } from 'node:fs';
import { formatSize } from '../../request/size.ts';
import { counted, size } from '../../text/figures.ts';
import { markdownParagraph, withGenerated } from '../../text/markdown-table.ts';
import type { CommandAnswer } from './command.ts';
import type { InsideRequest, Measured } from './inside.ts';
import { compareRow, percent, type RowComparison } from './judge.ts';
import { limitsFor } from './measure.ts';
import { fidelityTables, isSame, verdictText } from './table.ts';

/** `version`: of the kernel that both modes ran on. */
export type Report = Readonly<{ same: boolean; text: string; json: unknown; markdown: string | null }>;

export function reportOf(request: InsideRequest, answer: Measured, version: string): Report {
  if (request.kind === 'rows' && answer.kind === 'rows') {
    const comparisons = request.rows.map((row) => compareRow(row, limitsFor(row, request.limits), answer.readings));
    return rowsReport(request, comparisons, version);
  }
  if (request.kind === 'command' && answer.kind === 'command') return commandReport(request, answer, version);
  throw new Error('the answer does not belong to this request');
}

function rowsReport(
  { limits, reserve }: Extract<InsideRequest, { kind: 'rows' }>,
  comparisons: readonly RowComparison[],
  version: string,
): Report {
  const same = isSame(comparisons);
  const under = limits.map((limit) => formatSize(limit)).join(', ');
  const verdict = verdictText(comparisons);
  const summary = `Linux ${version}; limits of ${under}; \`--reserve ${reserve}\`: ${verdict}.`;
  return {
    same,
    text: `kmem-run: Linux ${version}: ${verdict}\n`,
    json: { kernel: version, limits, reserve, same, rows: comparisons },
    markdown: `${markdownParagraph(summary)}\n\n${fidelityTables(comparisons)}`,
  };
}

function commandReport(
  { input, reserve }: Extract<InsideRequest, { kind: 'command' }>,
  { peak, failsAnyway, found }: CommandAnswer,
  version: string,
): Report {
  const json = { kernel: version, command: input.command, reserve, peak, failsAnyway, found };
  if (failsAnyway !== null) {
    const text = `kmem-run: Linux ${version}: there is nothing to compare; without a limit: ${failsAnyway}\n`;
    return { same: false, text, json: { ...json, same: false }, markdown: null };
  }
  const [native, gate] = (['native', 'gate'] as const).map((mode) => found.find((at) => at.mode === mode));
  const same = native?.limit != null && gate?.limit != null;
  const off = same ? ` (${percent(Number(gate?.limit) / Number(native?.limit) - 1)} under the gate)` : '';
  const lines = found.flatMap(({ mode, limit, below, runs }) => [
    `  ${mode.padEnd(6)}  ${limit === null ? 'fails at every limit tried' : size(limit)}, in ${counted(runs, 'run')}`,
    ...(below === null ? [] : [`          a page below: ${below}`]),
  ]);
  const text = [
    `kmem-run: Linux ${version}: the smallest limit under which the command passes${off}; its peak without a limit is ${size(peak)}`,
    ...lines,
    '',
  ].join('\n');
  return { same, text, json: { ...json, same }, markdown: null };
}

/** The page with the tables in the marked part; a missing page is created from that part alone. */
export function pageWith(file: string, tables: string): string {
  const empty = '<!-- generated: rows, by `kmem-run fidelity --markdown FILE` -->\n<!-- end of rows -->\n';
  return withGenerated(existsSync(file) ? readFileSync(file, 'utf8') : empty, 'rows', tables);
}
