/** Text of unknown origin, fit for a terminal. */

import stringWidth from 'string-width';
import { hasBytes, withShownBytes } from './bytes.ts';

// Controls, format characters (bidi overrides, zero-width), line separators, lone surrogates: what a terminal obeys or hides.
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Makes every character visible that a terminal would obey or hide: ESC becomes `\x1b`, a line end `\n`. */
export function visible(text: string): string {
  return text.replace(hidden, escaped);
}

/** The same, except that line ends and tabs stay. */
export function visibleLines(text: string): string {
  return text.replace(/[^\n\t]+/g, visible);
}

/** The text made visible, in at most `width` columns; the last is `…` if anything is left out. */
export function cut(text: string, width: number): string {
  // A command line can be 2 MiB: only the part that can show is examined.
  const most = 2 * width + 1;
  return shorten(visible(text.slice(0, most)), width, text.length > most);
}

/** The same for text that is already visible. `isCut`: something was already left out. */
export function shorten(text: string, width: number, isCut = false): string {
  if (width < 1) return '';
  if (!isCut && columns(text) <= width) return text;
  const characters = [...text];
  let [end, taken] = [0, 1];
  while (end < characters.length && taken + columns(characters[end] ?? '') <= width) {
    taken += columns(characters[end] ?? '');
    end += 1;
  }
  // Characters that combine into one sign can take more columns than each alone.
  while (end > 0 && columns(characters.slice(0, end).join('')) >= width) end -= 1;
  return `${characters.slice(0, end).join('')}…`;
}

/** Columns that visible text takes on a terminal. */
export function columns(text: string): number {
  return stringWidth(text, { countAnsiEscapeCodes: true });
}

/** Visible text padded with blanks to `width` columns. */
export function padded(text: string, width: number): string {
  return text + ' '.repeat(Math.max(0, width - columns(text)));
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (hasBytes(character)) return withShownBytes(character);
  // From 0x80 on `\x` means a byte, and U+0080 has two.
  return named[character] ?? (code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`);
}
