/** Fallback files for results that could not be written to their destination. */

import { closeSync, fsyncSync, openSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { fsPath } from '../text/bytes.ts';
import { quote } from '../text/quote.ts';
import { newId } from './new-id.ts';
import { openPlace, type Place } from './open-place.ts';
import { ownFolder } from './own-process.ts';
import { writeReport } from './write-file.ts';

export type Beside = Readonly<{
  /** The reason, and where the text is instead. */
  error: SetupError;
  /** Absolute; null if no folder accepted it. */
  file: string | null;
}>;

/** Writes a new file to the current folder, otherwise to the temporary folder. `code`: of the error. Never throws. */
export function writeBeside(name: string, text: string, reason: SetupError, code: string): Beside {
  const explained = (where: string): SetupError =>
    new SetupError(code, `${reason.message}; ${where}`, reason.hint, { cause: reason });
  const tried: string[] = [];
  for (const folder of folders()) {
    const file = join(folder, name);
    const errno = writeNew(file, text);
    if (errno === null) return { error: explained(`the result is in ${quote(file, 1000)} instead`), file };
    tried.push(`${quote(folder)} (${errno})`);
  }
  return { error: explained(`the result could not be written to ${tried.join(' or ')} either`), file: null };
}

/**
 * Like writeReport(), for text that is saved nowhere else: if it cannot be written, it goes to a fallback file,
 * otherwise to stderr.
 * @throws SetupError `json-not-written`, which says where it is
 */
export async function saveReport(path: string, text: string, givenUp: AbortSignal): Promise<void> {
  try {
    await writeReport(path, text, givenUp);
  } catch (reason) {
    if (!(reason instanceof SetupError)) throw reason;
    const name = `kmem-run-${newId()}.${text.startsWith('{') ? 'json' : 'txt'}`;
    const { error, file } = writeBeside(name, text, reason, reason.code);
    if (file === null) process.stderr.write(text);
    throw error;
  }
}

function folders(): string[] {
  return [...new Set([currentFolder(), tmpdir()])].filter((folder) => folder !== null);
}

/** Null if it was removed. */
function currentFolder(): string | null {
  try {
    return ownFolder();
  } catch {
    return null;
  }
}

/** The errno if the file could not be written; no part of it is left then. */
function writeNew(file: string, text: string): string | null {
  let place: Place | null = null;
  let fd: number | null = null;
  try {
    place = openPlace(file);
    // Never follow a link that somebody has put there; no other user can read the file, as in the store.
    fd = openSync(fsPath(place.path), 'wx', 0o600);
    writeFileSync(fd, text);
    fsyncSync(fd);
    return null;
  } catch (error) {
    if (place !== null && fd !== null) unlinkSync(fsPath(place.path));
    return errnoOf(error) ?? 'failed';
  } finally {
    if (fd !== null) closeSync(fd);
    place?.close();
  }
}
