/** Where a result goes that its store would not take: none is lost. */

import { closeSync, fsyncSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import type { Result } from '../result/schema.ts';
import { escapeControls, quote } from '../spec/quote.ts';

export type Beside = Readonly<{
  /** Says why the store did not take it, and where it is instead. */
  error: SetupError;
  /** Absolute; null: no folder took it, and `json` is all that there is of it. */
  file: string | null;
  json: string;
}>;

/** Writes the result to a new file in the current folder, or else in that for temporary files. Never throws. */
export function keepBeside(result: Result, reason: SetupError): Beside {
  // Not held to its schema here: a result with a flaw is better than none.
  const json = `${escapeControls(JSON.stringify(result, null, 2))}\n`;
  const tried: string[] = [];
  for (const folder of folders()) {
    const file = join(folder, `kmem-run-${result.id}.json`);
    const errno = writeNew(file, json);
    if (errno === null)
      return { error: explained(reason, `the result is in ${quote(file, 1000)} instead`), file, json };
    tried.push(`${quote(folder)} (${errno})`);
  }
  return {
    error: explained(reason, `the result could not be written to ${tried.join(' or ')} either`),
    file: null,
    json,
  };
}

function explained(reason: SetupError, where: string): SetupError {
  return new SetupError('not-kept', `${reason.message}; ${where}`, reason.hint, { cause: reason });
}

function folders(): string[] {
  return [...new Set([currentFolder(), tmpdir()])].filter((folder) => folder !== null);
}

/** Null: it was removed. */
function currentFolder(): string | null {
  try {
    return process.cwd();
  } catch {
    return null;
  }
}

/** The errno where it could not be written; nothing is left of it then. */
function writeNew(file: string, text: string): string | null {
  let fd: number | null = null;
  try {
    // Never through a link that somebody has put there; readable by nobody else, as in the store.
    fd = openSync(file, 'wx', 0o600);
    writeFileSync(fd, text);
    fsyncSync(fd);
    return null;
  } catch (error) {
    if (fd !== null) unlinkSync(file);
    return errnoOf(error) ?? 'failed';
  } finally {
    if (fd !== null) closeSync(fd);
  }
}
