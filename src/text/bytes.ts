/**
 * Bytes as text. Linux passes bytes to programs: arguments, variables and paths need not be UTF-8. Here each is a text
 * in which a byte that is part of no UTF-8 character is represented by a lone surrogate, U+DC00 + byte (U+DC80 to
 * U+DCFF), as in Python's `surrogateescape`. JSON writes that as `"\udcff"` and reads it back; no other text has lone
 * surrogates.
 */

const FIRST = 0xdc00;
// With the flag u, half of a surrogate pair does not match.
const BYTE = /[\udc80-\udcff]/u;
const BYTES = /[\udc80-\udcff]/gu;

/** Characters of UTF-8 (Unicode 16, table 3-7), or otherwise one byte, in a text with one character per byte. */
const CHARACTERS =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: NUL and the like are characters of UTF-8 too.
  /[\x00-\x7f]+|(?:[\xc2-\xdf]|\xe0[\xa0-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]|\xed[\x80-\x9f]|\xf0[\x90-\xbf][\x80-\xbf]|[\xf1-\xf3][\x80-\xbf]{2}|\xf4[\x80-\x8f][\x80-\xbf])[\x80-\xbf]|[\x80-\xff]/g;

export function textOf(bytes: Buffer): string {
  const text = bytes.toString();
  if (!text.includes('\ufffd')) return text;
  return bytes
    .toString('latin1')
    .replace(CHARACTERS, (found) =>
      found.length === 1 && found >= '\x80'
        ? String.fromCharCode(FIRST + found.charCodeAt(0))
        : Buffer.from(found, 'latin1').toString(),
    );
}

/** The input of textOf(). Other lone surrogates, which represent nothing, become U+FFFD. */
export function bytesOf(text: string): Buffer {
  if (text.isWellFormed()) return Buffer.from(text);
  const parts = text.split(/([\udc80-\udcff])/u);
  return Buffer.concat(
    parts.map((part, index) => (index % 2 === 0 ? Buffer.from(part) : Buffer.of(part.charCodeAt(0) - FIRST))),
  );
}

/** Whether the text contains bytes that are not UTF-8. */
export function hasBytes(text: string): boolean {
  return BYTE.test(text);
}

/** Whether each lone surrogate in it represents a byte. */
export function isPassable(text: string): boolean {
  return text.isWellFormed() || text.replace(BYTES, '').isWellFormed();
}

/** For people, and where only characters are possible: `\xff`. */
export function withShownBytes(text: string): string {
  return text.isWellFormed() ? text : text.replace(BYTES, (byte) => `\\x${(byte.charCodeAt(0) - FIRST).toString(16)}`);
}

/** A path in a form for node:fs, whose texts can only be UTF-8. */
export function fsPath(path: string): string | Buffer {
  return hasBytes(path) ? bytesOf(path) : path;
}
