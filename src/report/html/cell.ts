import { fullText } from '../plots/parts.ts';
import type { Cell, Unit } from '../plots/types.ts';

/** Null is told, and is never 0. */
export function cellText(value: Cell, unit: Unit, whenNull = '–'): string {
  return typeof value === 'number' ? fullText(value, unit, whenNull) : (value ?? whenNull);
}

/** A path or a sentence: it is broken between words, and the table scrolls instead. */
export function isWide(value: Cell): boolean {
  return typeof value === 'string' && value.length > 24;
}
