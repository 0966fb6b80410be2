import { hasBytes, withShownBytes } from './bytes.ts';

/** User input, fit for one line of a message: quoted, control characters escaped, cut after `max` characters. */
export function quote(value: unknown, max = 80): string {
  if (typeof value === 'string') {
    const shown = JSON.stringify(value.length > max ? `${value.slice(0, max)}…` : value);
    return escapeControls(
      shown.replace(/(\\\\)|\\udc([89a-f][0-9a-f])/g, (_, backslash, byte) => backslash ?? `\\x${byte}`),
    );
  }
  if (value === null || ['number', 'boolean', 'bigint', 'undefined'].includes(typeof value)) return String(value);
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

/**
 * The same JSON with everything escaped that JSON leaves as it is and a terminal obeys or hides: DEL, C1 controls,
 * separators, format characters.
 */
export function escapeControls(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Quotes words for a POSIX shell to read back. */

const PLAIN = /^[\w@%+=:,./-]+$/;

const CONTROLS = /\p{Cc}/u;

/**
 * The word itself if a shell reads it unchanged, otherwise quoted: on one line, with controls and other bytes as in
 * POSIX 2024.
 */
export function shellWord(word: string): string {
  if (hasBytes(word) || CONTROLS.test(word))
    return `$'${withShownBytes(word.replace(/[\\']|\p{Cc}/gu, escapedInQuotes))}'`;
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** A quote is escaped too: a shell that does not support `$'…'` must still see one word. */
function escapedInQuotes(character: string): string {
  if (character === '\n') return '\\n';
  if (character === '\\') return '\\\\';
  return [...Buffer.from(character)].map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('');
}

export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
