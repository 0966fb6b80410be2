/** Text of unknown origin, fit for a terminal. */

import { hasBytes, withShownBytes } from './bytes.ts';

// Controls, format characters (bidi overrides, zero-width), line separators, lone surrogates: what a terminal obeys or hides.
const hidden = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}]/gu;
const named: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Makes every character visible that a terminal would obey or hide: ESC becomes `\x1b`, a line end `\n`. */
export function visible(text: string): string {
  return text.replace(hidden, escaped);
}

/** The same but for line ends and tabs, which stay. */
export function visibleLines(text: string): string {
  return text.replace(/[^\n\t]+/g, visible);
}

/** The text made visible and cut to `max` characters; the last is `…` if any are left out. */
export function cut(text: string, max: number): string {
  // A command line can be 2 MiB: only what can show is looked at.
  const shown = [...visible(text.slice(0, 2 * max + 1))];
  return shown.length > max ? `${shown.slice(0, max - 1).join('')}…` : shown.join('');
}

/** Columns that visible text takes; wide characters are counted as one. */
export function columns(text: string): number {
  return [...text].length;
}

function escaped(character: string): string {
  const code = character.codePointAt(0) ?? 0;
  if (hasBytes(character)) return withShownBytes(character);
  // From 0x80 on `\x` is a byte, and U+0080 has two.
  return named[character] ?? (code < 0x80 ? `\\x${code.toString(16).padStart(2, '0')}` : `\\u{${code.toString(16)}}`);
}
