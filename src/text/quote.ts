/** What a user gave, fit for one line of a message: quoted, control characters escaped, cut after `max` characters. */
export function quote(value: unknown, max = 80): string {
  if (typeof value === 'string') {
    return escapeControls(JSON.stringify(value.length > max ? `${value.slice(0, max)}…` : value));
  }
  if (value === null || ['number', 'boolean', 'bigint', 'undefined'].includes(typeof value)) return String(value);
  return Array.isArray(value) ? 'an array' : `a ${typeof value}`;
}

/** The same JSON without what JSON leaves as it is and a terminal obeys or hides: DEL, C1 controls, separators, format characters. */
export function escapeControls(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

/** Words as a POSIX shell reads them back. */

const PLAIN = /^[\w@%+=:,./-]+$/;

/** The word itself where a shell takes it as it is, else in single quotes. */
export function shellWord(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
