import { formatSize, groupDigits } from '../../request/size.ts';
import { counted } from '../../text/figures.ts';
import { markdownTable } from '../../text/markdown-table.ts';
import { type AtLimit, listErrnos, percent, type RowComparison, toleranceOf } from './judge.ts';
import type { ObjectRow } from './rows.ts';

const WHAT = 34;
const MODE = 8;
const NUMBER = 9;
const OFF = 9;
const AT_LIMIT = 2 * NUMBER + OFF + 3;

/** Two lines: the limits, and the columns below each. */
export function tableHead(limits: readonly number[]): string {
  const each = `${'native'.padStart(NUMBER)}${'mode'.padStart(NUMBER)}${'off'.padStart(OFF)}`.padStart(AT_LIMIT);
  return [
    `${' '.repeat(WHAT + MODE)}${limits.map((limit) => formatSize(limit).padStart(AT_LIMIT)).join('')}`,
    `${'objects before the first failure'.padEnd(WHAT)}${'mode'.padEnd(MODE)}${limits.map(() => each).join('')}   errno: native; mode`,
    '',
  ].join('\n');
}

/** A row in one mode as one line, and another for each reason why it is not the same. */
export function tableLine(comparison: RowComparison): string {
  const { row, mode, limits, errnos, verdict, reasons } = comparison;
  const figures = limits.map(({ native, compared, off }) =>
    `${numberText(native, '-').padStart(NUMBER)}${numberText(compared, '-').padStart(NUMBER)}${offText(off).padStart(OFF)}`.padStart(
      AT_LIMIT,
    ),
  );
  const both = `${listErrnos(errnos.native)}; ${listErrnos(errnos.compared)}${beyondText(limits, '; ')}`;
  const label = `${row.what.padEnd(WHAT)}${mode.padEnd(MODE)}`;
  const line = `${label}${figures.join('')}   ${verdict === 'skipped' ? 'skipped' : both}`;
  return `${[line, ...reasons.map((reason) => `  ${verdict}: ${reason}`)].join('\n')}\n`;
}

export function isSame(comparisons: readonly RowComparison[]): boolean {
  return comparisons.length > 0 && comparisons.every(({ verdict }) => verdict === 'same');
}

/** Of one mode on one kernel, in one sentence. */
export function verdictText(comparisons: readonly RowComparison[]): string {
  const [charged, uncharged, unseen] = (['charged', 'uncharged', 'unseen'] as const).map(
    (kind) => comparisons.filter(({ row }) => row.kind === kind).length,
  );
  const bad = comparisons.filter(({ verdict }) => verdict !== 'same');
  const others = [
    ...(uncharged ? [`${uncharged} that 5.10 does not charge`] : []),
    ...(unseen ? [`${unseen} that the gate does not see`] : []),
  ];
  const also = others.length === 0 ? '' : `; also ${others.join(' and ')}`;
  if (bad.length === 0) {
    const within = 100 * toleranceOf(comparisons[0]?.granularity ?? null);
    return `same errno and numbers within ${within} % in ${counted(charged ?? 0, 'row')} that both charge${also}`;
  }
  return `not the same: ${bad.map(({ row, verdict }) => `${row.name} (${verdict})`).join(', ')}`;
}

/** `kernel (object) on Linux 6.1.192`, and beside what. */
export function sidesText({ mode, granularity, kernel, reference }: RowComparison): string {
  const beside = reference === kernel ? '' : ` beside Linux ${reference}`;
  return `${modeText({ mode, granularity })} on Linux ${kernel}${beside}`;
}

/** `kernel (object)`, `gate`. */
export function modeText({ mode, granularity }: Readonly<{ mode: string; granularity: string | null }>): string {
  return mode === 'kernel' && granularity !== null ? `${mode} (${granularity})` : mode;
}

/** One mode on one kernel: the rows that both charge, those that 5.10 does not, and those that the gate does not see. */
export function fidelityTables(comparisons: readonly RowComparison[]): string {
  const of = (kind: ObjectRow['kind']) => comparisons.filter(({ row }) => row.kind === kind);
  const parts = [
    chargedTable(of('charged')),
    plainTable('Rows that Linux 5.10 does not charge, or frees at once', of('uncharged')),
    plainTable('Rows that Linux 5.10 refuses but the gate does not see', of('unseen')),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

/** Several modes or kernels, in sets of all rows: one table for each limit. */
export function sideBySide(sets: readonly (readonly RowComparison[])[]): string {
  const [first = []] = sets;
  const limits = [...new Set(first.flatMap(({ limits: at }) => at.map(({ limit }) => limit)))];
  return limits.map((limit) => `${formatSize(limit)}:\n\n${tableAt(limit, sets)}`).join('\n');
}

function tableAt(limit: number, sets: readonly (readonly RowComparison[])[]): string {
  const [first = []] = sets;
  const heads = sets.map(([one]) => (one === undefined ? '' : `${modeText(one)}, ${one.kernel}`));
  const references = [...new Set(sets.flatMap(([one]) => (one === undefined ? [] : [one.reference])))];
  const cells = first.map(({ row }, index) => {
    const measured = sets.flatMap((set) => set[index] ?? []);
    const native = references.map((version) => {
      const one = measured.find(({ reference }) => reference === version);
      return one === undefined ? '' : cellText(limit, one, 'native');
    });
    return [row.what, ...native, ...measured.map((one) => cellText(limit, one, 'compared'))];
  });
  return markdownTable(
    ['what', ...references.map((version) => `native, ${version}`), ...heads],
    cells.filter((row) => row.slice(1).some((cell) => cell !== '')),
  );
}

/** `1,634 (-0.3 %) ENOMEM, 4,096 over`; empty if the row was not measured at this limit. */
function cellText(limit: number, { limits, errnos, verdict }: RowComparison, side: 'native' | 'compared'): string {
  const at = limits.find((one) => one.limit === limit);
  if (at === undefined) return '';
  const text = `${numberText(at[side], '–')} ${listErrnos(errnos[side])}`;
  if (side === 'native') return text;
  const off = at.off === null ? '' : ` (${offText(at.off)})`;
  return `${verdict === 'same' ? '' : `**${verdict}** `}${text}${off}${beyondText([at], ', ')}`;
}

/** Nothing if the limit was not exceeded. */
function beyondText(limits: readonly AtLimit[], before: string): string {
  const most = Math.max(0, ...limits.map(({ overshoot }) => overshoot ?? 0));
  return most === 0 ? '' : `${before}${groupDigits(most)} over`;
}

function chargedTable(comparisons: readonly RowComparison[]): string {
  const [first] = comparisons;
  if (first === undefined) return '';
  const { mode } = first;
  const columns = first.limits.map(({ limit }) => `${formatSize(limit)}: native / ${mode}`);
  const cells = comparisons.map(({ row, limits: at, errnos, verdict, reasons }) => [
    row.what,
    listErrnos(errnos.native),
    listErrnos(errnos.compared),
    ...at.map(
      ({ native, compared, off }) => `${numberText(native, '–')} / ${numberText(compared, '–')} (${offText(off)})`,
    ),
    [verdict, ...reasons].join(': '),
  ]);
  return markdownTable(['what', 'errno, native', `errno, ${mode}`, ...columns, 'verdict'], cells);
}

function plainTable(title: string, comparisons: readonly RowComparison[]): string {
  const [first] = comparisons;
  if (first === undefined) return '';
  const cells = comparisons.map(({ row, limits, errnos, reasons }) => {
    const [at] = limits;
    return [
      row.what,
      `${numberText(at?.native ?? null, '–')}: ${listErrnos(errnos.native)}`,
      `${numberText(at?.compared ?? null, '–')}: ${listErrnos(errnos.compared)}`,
      [row.why, ...reasons].join('; '),
    ];
  });
  const under = formatSize(first.limits[0]?.limit ?? 0);
  return `${title}, tried under ${under}:\n\n${markdownTable(['what', 'native', first.mode, 'why'], cells)}`;
}

function numberText(made: AtLimit['native'], absent: string): string {
  return made === null ? absent : groupDigits(made);
}

function offText(off: AtLimit['off']): string {
  return off === null ? '' : percent(off);
}
