/** A mistake in a scenario file, at its place. */
export type Mistake = Readonly<{
  file: string;
  /** From 1. */
  line: number;
  column: number;
  message: string;
  /** Null: the message says it all. */
  hint: string | null;
}>;

/** `file:line:column: what is wrong`, and what was meant. */
export function mistakeText({ file, line, column, message, hint }: Mistake): string {
  return `${file}:${line}:${column}: ${message}${hint === null ? '' : `\n  hint: ${hint}`}\n`;
}
