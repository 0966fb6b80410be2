import { formatSize, groupDigits } from '../../request/size.ts';
import { counted } from '../../text/figures.ts';
import { markdownTable } from '../../text/markdown-table.ts';
import { type AtLimit, listErrnos, percent, type RowComparison, TOLERANCE } from './judge.ts';
import type { ObjectRow } from './rows.ts';

const WHAT = 34;
const NUMBER = 9;
const OFF = 9;
const AT_LIMIT = 2 * NUMBER + OFF + 3;

/** Two lines: the limits, and the columns below each. */
export function tableHead(limits: readonly number[]): string {
  const each = `${'native'.padStart(NUMBER)}${'gate'.padStart(NUMBER)}${'off'.padStart(OFF)}`.padStart(AT_LIMIT);
  return [
    `${' '.repeat(WHAT)}${limits.map((limit) => formatSize(limit).padStart(AT_LIMIT)).join('')}`,
    `${'objects before the first failure'.padEnd(WHAT)}${limits.map(() => each).join('')}   errno: native; gate`,
    '',
  ].join('\n');
}

/** A row as one line, and another for each reason why it is not the same. */
export function tableLine(comparison: RowComparison): string {
  const { row, limits, errnos, verdict, reasons } = comparison;
  const figures = limits.map(({ native, gate, off }) =>
    `${numberText(native, '-').padStart(NUMBER)}${numberText(gate, '-').padStart(NUMBER)}${offText(off).padStart(OFF)}`.padStart(
      AT_LIMIT,
    ),
  );
  const both = `${listErrnos(errnos.native)}; ${listErrnos(errnos.gate)}`;
  const line = `${row.what.padEnd(WHAT)}${figures.join('')}   ${verdict === 'skipped' ? 'skipped' : both}`;
  return `${[line, ...reasons.map((reason) => `  ${verdict}: ${reason}`)].join('\n')}\n`;
}

export function isSame(comparisons: readonly RowComparison[]): boolean {
  return comparisons.length > 0 && comparisons.every(({ verdict }) => verdict === 'same');
}

/** In one sentence. */
export function verdictText(comparisons: readonly RowComparison[]): string {
  const [charged, uncharged, unseen] = (['charged', 'uncharged', 'unseen'] as const).map(
    (kind) => comparisons.filter(({ row }) => row.kind === kind).length,
  );
  const bad = comparisons.filter(({ verdict }) => verdict !== 'same');
  const others = [
    ...(uncharged ? [`${uncharged} that the kernel does not charge`] : []),
    ...(unseen ? [`${unseen} that the gate does not see`] : []),
  ];
  const also = others.length === 0 ? '' : `; also ${others.join(' and ')}`;
  if (bad.length === 0) {
    return `same errno and numbers within ${100 * TOLERANCE} % in ${counted(charged ?? 0, 'row')} that both charge${also}`;
  }
  return `not the same: ${bad.map(({ row, verdict }) => `${row.name} (${verdict})`).join(', ')}`;
}

/** The rows that both charge, those that the kernel does not, and those that the gate does not see. */
export function fidelityTables(comparisons: readonly RowComparison[]): string {
  const of = (kind: ObjectRow['kind']) => comparisons.filter(({ row }) => row.kind === kind);
  const parts = [
    chargedTable(of('charged')),
    plainTable('Rows that this kernel does not charge, or frees at once', of('uncharged')),
    plainTable('Rows that this kernel refuses but the gate does not see', of('unseen')),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

function chargedTable(comparisons: readonly RowComparison[]): string {
  const limits = comparisons[0]?.limits ?? [];
  const columns = limits.map(({ limit }) => `${formatSize(limit)}: native / gate`);
  const cells = comparisons.map(({ row, limits: at, errnos, verdict, reasons }) => [
    row.what,
    listErrnos(errnos.native),
    listErrnos(errnos.gate),
    ...at.map(({ native, gate, off }) => `${numberText(native, '–')} / ${numberText(gate, '–')} (${offText(off)})`),
    [verdict, ...reasons].join(': '),
  ]);
  if (comparisons.length === 0) return '';
  return markdownTable(['what', 'errno, native', 'errno, gate', ...columns, 'verdict'], cells);
}

function plainTable(title: string, comparisons: readonly RowComparison[]): string {
  if (comparisons.length === 0) return '';
  const cells = comparisons.map(({ row, limits, errnos, reasons }) => {
    const [at] = limits;
    return [
      row.what,
      `${numberText(at?.native ?? null, '–')}: ${listErrnos(errnos.native)}`,
      `${numberText(at?.gate ?? null, '–')}: ${listErrnos(errnos.gate)}`,
      [row.why, ...reasons].join('; '),
    ];
  });
  const under = formatSize(comparisons[0]?.limits[0]?.limit ?? 0);
  return `${title}, tried under ${under}:\n\n${markdownTable(['what', 'native', 'gate', 'why'], cells)}`;
}

function numberText(made: AtLimit['native'], absent: string): string {
  return made === null ? absent : groupDigits(made);
}

function offText(off: AtLimit['off']): string {
  return off === null ? '' : percent(off);
}
