/** Console output of the guest's kernel, saved in case something goes wrong. */

const KEPT_CHARACTERS = 32 * 1024;
const SHOWN_LINES = 12;
const SHOWN_COLUMNS = 160;

export type Console = Readonly<{
  add: (chunk: Buffer) => void;
  /** Bytes so far; they show whether the kernel makes progress. */
  total: () => number;
  /** The last lines, safe to show on a terminal; empty if it printed nothing. */
  tail: () => string;
  /** The kernel's own panic message; null if it did not panic. */
  panic: () => string | null;
}>;

export function keepConsole(): Console {
  let text = '';
  let total = 0;
  return {
    add: (chunk) => {
      total += chunk.length;
      text = (text + chunk.toString('latin1')).slice(-KEPT_CHARACTERS);
    },
    total: () => total,
    tail: () => tailOf(linesOf(text)),
    panic: () => linesOf(text).map(panicIn).find(Boolean) ?? null,
  };
}

/** Registers follow a panic message, which is included even if it is further up. */
function tailOf(lines: readonly string[]): string {
  const last = lines.slice(-SHOWN_LINES);
  const panic = lines.slice(0, -SHOWN_LINES).filter((line) => panicIn(line) !== undefined);
  return [...panic.slice(0, 1), ...last].map(shortened).join('\n');
}

function panicIn(line: string): string | undefined {
  return /Kernel panic - not syncing: (.*)/.exec(line)?.[1];
}

function linesOf(text: string): string[] {
  return text
    .split(/[\r\n]+/)
    .map((line) => line.replace(/[^\x20-\x7e]/g, '').trimEnd())
    .filter((line) => line !== '');
}

function shortened(line: string): string {
  return line.length > SHOWN_COLUMNS ? `${line.slice(0, SHOWN_COLUMNS - 1)}…` : line;
}
