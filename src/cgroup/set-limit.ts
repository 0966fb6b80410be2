import { readFileSync } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { parseAmount, writeControl } from './files.ts';

/** Writes a limit and reads it back. Throws SetupError `limit-not-set`. */
export function set(path: string, amount: number, hint: string): number {
  const answer = writeAndReadBack(path, amount);
  if (answer.holds) return amount;
  throw new SetupError('limit-not-set', `limit not set: ${answer.report}`, hint);
}

/** `report` names the file, what was asked, the write's errno and what is read back. */
export type Answer = Readonly<{ holds: boolean; errno: string | null; report: string }>;

/** `amount` null: no limit. */
export function writeAndReadBack(path: string, amount: number | null): Answer {
  const errno = tryWrite(path, amount === null ? unlimitedIn(path) : String(amount));
  const { text, errno: readErrno } = readOrErrno(path);
  const found = text === null ? `cannot be read (${readErrno})` : `reads ${parseAmount(text) ?? 'unlimited'}`;
  const written = errno === null ? '' : `the write fails (${errno}), `;
  return {
    holds: errno === null && text !== null && parseAmount(text) === amount,
    errno,
    report: `${path}: asked ${amount ?? 'none'}, ${written}${found}`,
  };
}

function unlimitedIn(path: string): string {
  return path.endsWith('_in_bytes') ? '-1' : 'max';
}

function tryWrite(path: string, text: string): string | null {
  try {
    writeControl(path, text);
    return null;
  } catch (error) {
    return nameOf(error);
  }
}

/** ENOTSUPP (524) is the kernel's own and has no name outside it; the limit gave it from 5.16 to 6.5. */
function nameOf(error: unknown): string {
  const { errno } = error as NodeJS.ErrnoException;
  return errno === -524 ? 'ENOTSUPP' : (errnoOf(error) ?? 'unknown error');
}

export function readOrErrno(path: string): { text: string | null; errno: string | null } {
  try {
    return { text: readFileSync(path, 'latin1'), errno: null };
  } catch (error) {
    return { text: null, errno: nameOf(error) };
  }
}
