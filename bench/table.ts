import { type Summary, summarise } from './statistics.ts';

export type Row = readonly string[];

/** Columns side by side; the first is a name and the last a remark, both left-aligned; figures are right-aligned. */
export function layOut(rows: readonly Row[]): string {
  const columns = Math.max(...rows.map((row) => row.length));
  const widths = Array.from({ length: columns }, (_, at) => Math.max(...rows.map((row) => (row[at] ?? '').length)));
  const line = (row: Row): string =>
    widths
      .map((width, at) =>
        at === 0 || at === columns - 1 ? (row[at] ?? '').padEnd(width) : (row[at] ?? '').padStart(width),
      )
      .join('  ');
  return rows.map((row) => `  ${line(row).trimEnd()}\n`).join('');
}

/** `88.1 ms (86.0–91.2)`: median and quartiles; a dash if nothing was measured. */
export function figure(values: readonly number[], unit: string): string {
  return show(summarise(values), (value) => `${digits(value)}`, ` ${unit}`);
}

/** `2.81 × (2.75–2.90)` */
export function times(values: readonly number[]): string {
  return show(summarise(values), (value) => digits(value), ' ×');
}

function show(summary: Summary | null, word: (value: number) => string, unit: string): string {
  if (summary === null) return '—';
  return `${word(summary.median)}${unit} (${word(summary.low)}–${word(summary.high)})`;
}

/** Three significant digits. */
function digits(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}

/** Targets beside the measured values. Printed, never enforced: machines differ. */
export function goal(kind: 'at most' | 'at least', wanted: number, unit: string, values: readonly number[]): string {
  const got = summarise(values)?.median;
  const sign = kind === 'at most' ? '≤' : '≥';
  const aim = `goal ${sign} ${wanted} ${unit}`;
  if (got === undefined) return aim;
  return `${aim}: ${(kind === 'at most' ? got <= wanted : got >= wanted) ? 'met' : 'missed'}`;
}
