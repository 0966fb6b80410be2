/** The comparison's result: the final terminal output, the JSON, and its part of the page. */

import { existsSync, readFileSync } from 'node:fs';
import { formatSize } from '../../request/size.ts';
import { counted, size } from '../../text/figures.ts';
import { markdownParagraph, withGenerated } from '../../text/markdown-table.ts';
import type { CommandAnswer } from './command.ts';
import { comparedIn, type InsideRequest, type Measured } from './inside.ts';
import { compareRow, type MeasuredMode, percent, type RowComparison, type Side } from './judge.ts';
import { limitsFor } from './measure.ts';
import { fidelityTables, isSame, sideBySide, sidesText, verdictText } from './table.ts';

export type Report = Readonly<{ same: boolean; text: string; json: unknown; markdown: string | null }>;

/** What was measured on one kernel, of this version. */
export type Answered = Readonly<{ version: string; answer: Measured }>;

/** One for each kernel, at least one. */
export function reportOf(request: InsideRequest, answers: readonly Answered[]): Report {
  if (request.kind === 'command') {
    const reports = answers.flatMap(({ version, answer }) =>
      answer.kind === 'command' ? [{ version, ...answer }] : [],
    );
    return commandReport(request, reports);
  }
  const sides = answers.flatMap(({ version, answer }) =>
    answer.kind === 'rows' ? [{ kernel: version, readings: answer.readings }] : [],
  );
  const sets = sides.flatMap((compared) => setsOf(request, compared, referenceFor(compared.kernel, sides)));
  return rowsReport(request, sets);
}

/** A mode that works on none of the kernels has not been compared. */
function unmeasured(modes: readonly MeasuredMode[], measured: readonly Readonly<{ mode: MeasuredMode }>[]): string[] {
  return comparedIn(modes)
    .filter((mode) => !measured.some((one) => one.mode === mode))
    .map((mode) => `${mode}: not measured on any of these kernels`);
}

function setsOf(
  { rows, modes, limits }: Extract<InsideRequest, { kind: 'rows' }>,
  compared: Side,
  reference: Side | null,
): RowComparison[][] {
  if (reference === null) return [];
  return comparedIn(modes)
    .filter((mode) => compared.readings.some((reading) => reading.mode === mode))
    .map((mode) => rows.map((row) => compareRow(row, limitsFor(row, limits), { mode, compared, reference })));
}

/** The kernel itself if its own limit was measured; otherwise one of the same major and minor version, or the first. */
export function referenceFor(kernel: string, sides: readonly Side[]): Side | null {
  const measured = sides.filter(({ readings }) => readings.some(({ mode }) => mode === 'native'));
  const series = (version: string): string => version.split('.', 2).join('.');
  return (
    measured.find((side) => side.kernel === kernel) ??
    measured.find((side) => series(side.kernel) === series(kernel)) ??
    measured[0] ??
    null
  );
}

function rowsReport(
  { limits, modes, reserve }: Extract<InsideRequest, { kind: 'rows' }>,
  sets: readonly (readonly RowComparison[])[],
): Report {
  const absent = unmeasured(modes, sets.flat());
  const same = absent.length === 0 && sets.every(isSame);
  const under = limits.map((limit) => formatSize(limit)).join(', ');
  const told = sets.flatMap((set) => (set[0] === undefined ? [] : [`${sidesText(set[0])}: ${verdictText(set)}`]));
  const verdicts = [...told, ...absent];
  const summary = `Limits of ${under}; \`--reserve ${reserve}\`.`;
  const [first = []] = sets;
  const tables = sets.length === 1 ? fidelityTables(first) : sideBySide(sets);
  const kernels = [...new Set(sets.flat().map(({ kernel }) => kernel))].join(', ');
  return {
    same,
    text: verdicts.map((verdict) => `kmem-run: ${verdict}\n`).join(''),
    json: { kernel: kernels, limits, reserve, same, rows: sets.flat() },
    markdown: `${[summary, ...verdicts.map((verdict) => `${verdict}.`)].map(markdownParagraph).join('\n\n')}\n\n${tables}`,
  };
}

type CommandOn = CommandAnswer & Readonly<{ version: string }>;

function commandReport(
  { input, modes, reserve }: Extract<InsideRequest, { kind: 'command' }>,
  answers: readonly CommandOn[],
): Report {
  const kernel = answers.map(({ version }) => version).join(', ');
  const found = answers.flatMap((answer) => answer.found.map((one) => ({ kernel: answer.version, ...one })));
  const failsAnyway = answers.find((answer) => answer.failsAnyway !== null)?.failsAnyway ?? null;
  const absent = failsAnyway === null ? unmeasured(modes, found) : [];
  const same = failsAnyway === null && absent.length === 0 && found.every(({ limit }) => limit !== null);
  const { peak = null } = answers[0] ?? {};
  return {
    same,
    text: [...answers.map(commandText), ...absent.map((what) => `kmem-run: ${what}\n`)].join(''),
    json: { kernel, command: input.command, reserve, peak, failsAnyway, found, same },
    markdown: null,
  };
}

function commandText({ version, peak, failsAnyway, found }: CommandOn): string {
  if (failsAnyway !== null)
    return `kmem-run: Linux ${version}: there is nothing to compare; without a limit: ${failsAnyway}\n`;
  const native = found.find(({ mode }) => mode === 'native')?.limit ?? null;
  const off = (limit: number | null): string =>
    native === null || limit === null || limit === native ? '' : `, ${percent(limit / native - 1)}`;
  const lines = found.flatMap(({ mode, limit, below, runs }) => [
    `  ${mode.padEnd(6)}  ${limit === null ? 'fails at every limit tried' : `${size(limit)}${off(limit)}`}, in ${counted(runs, 'run')}`,
    ...(below === null ? [] : [`          a page below: ${below}`]),
  ]);
  return [
    `kmem-run: Linux ${version}: the smallest limit under which the command passes; its peak without a limit is ${size(peak)}`,
    ...lines,
    '',
  ].join('\n');
}

/** The page with the tables in the marked part; a missing page is created from that part alone. */
export function pageWith(file: string, tables: string): string {
  const empty = '<!-- generated: rows, by `kmem-run fidelity --markdown FILE` -->\n<!-- end of rows -->\n';
  return withGenerated(existsSync(file) ? readFileSync(file, 'utf8') : empty, 'rows', tables);
}
