import { fullText } from '../plots/parts.ts';
import type { TableCell, Unit } from '../plots/types.ts';

/** Null is shown, never as 0. */
export function cellText(value: TableCell, unit: Unit, whenNull = '–'): string {
  return typeof value === 'number' ? fullText(value, unit, whenNull) : (value ?? whenNull);
}

/** A path or a sentence: it breaks only between words; the table scrolls instead. */
export function isWide(value: TableCell): boolean {
  return typeof value === 'string' && value.length > 24;
}
