/** One result, kept. */

import { closeSync, fsyncSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asSetupError, errnoOf, SetupError } from '../errors.ts';
import type { Result } from '../result/schema.ts';
import { escapeControls, quote } from '../text/quote.ts';
import { openStore } from './store.ts';

/** Null when it is in the store; else why it is not. Never throws. */
export function keepRun(
  result: Result,
  { store: file, label }: { store: string | null; label: string | null },
): SetupError | null {
  try {
    const store = openStore(file, 'write');
    try {
      store.saveRun({ result, experimentId: null, label });
    } finally {
      store.close();
    }
    return null;
  } catch (error) {
    return asSetupError(error);
  }
}

// No comma and no @: both mean something where runs are named. Nothing that a shell or a terminal would take as more than a name.
const LABEL = /^[\p{L}\p{N}][\p{L}\p{N}\p{M}._+:/=-]{0,63}$/u;

/** @throws SetupError `bad-label`. */
export function parseLabel(text: string): string {
  if (LABEL.test(text)) return text;
  throw new SetupError(
    'bad-label',
    `--label: ${quote(text)} cannot be a label`,
    'give up to 64 letters, digits and . _ + : / = - (the first one a letter or a digit)',
  );
}

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
