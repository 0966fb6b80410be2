import type { NumbersTable, TableCell } from '../../plots/types.ts';

export type TableRow = readonly TableCell[];

export type View = Readonly<{
  /** Text that a row must contain; empty: any. */
  search: string;
  /** By column: the one value that is shown (as text); absent: any. */
  chosen: ReadonlyMap<number, string>;
  sort: Readonly<{ column: number; down: boolean }> | null;
  /** Column by whose values rows are grouped; null: not grouped. */
  groupBy: number | null;
}>;

export function rowsIn(
  { rows, columns }: Pick<NumbersTable, 'rows' | 'columns'>,
  { search, chosen, sort }: View,
): TableRow[] {
  const wanted = search.toLowerCase();
  const found = rows.filter(
    (row) =>
      [...chosen].every(([column, value]) => cellName(row[column] ?? null, columns[column]?.whenNull) === value) &&
      (wanted === '' || row.some((cell, at) => cellName(cell, columns[at]?.whenNull).toLowerCase().includes(wanted))),
  );
  if (sort === null) return found;
  const { column, down } = sort;
  return found.toSorted((a, b) => compareCells(a[column] ?? null, b[column] ?? null, down ? -1 : 1));
}

export type RowGroup = Readonly<{ value: TableCell; count: number }>;

/** Most frequent first. */
export function groupsIn(rows: readonly TableRow[], column: number): RowGroup[] {
  return [...Map.groupBy(rows, (row) => row[column] ?? null)]
    .map(([value, own]) => ({ value, count: own.length }))
    .toSorted((a, b) => b.count - a.count);
}

/** Unknown values come last in either direction. */
function compareCells(a: TableCell, b: TableCell, direction: 1 | -1): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? 1 : -1;
  if (typeof a === 'number' && typeof b === 'number') return direction * (a - b);
  return direction * String(a).localeCompare(String(b), 'en', { numeric: true });
}

export function cellName(cell: TableCell, whenNull = '–'): string {
  return cell === null ? whenNull : String(cell);
}
