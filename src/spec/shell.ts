/** Words as a POSIX shell reads them back. */

const PLAIN = /^[\w@%+=:,./-]+$/;

/** The word itself where a shell takes it as it is, else in single quotes. */
export function shellWord(word: string): string {
  return PLAIN.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function shellLine(words: readonly string[]): string {
  return words.map(shellWord).join(' ');
}
