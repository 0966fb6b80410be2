import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { absolute } from '../host/own-process.ts';
import { fsPath } from '../text/bytes.ts';
import { quote } from '../text/quote.ts';

/**
 * The absolute path of a file to write later, after a check that it can be written: its folder exists, it is not itself
 * a folder, and both are writable. @throws SetupError `bad-output-file`. The disk may still fill up by then.
 */
export function outputFile(path: unknown, { name }: { name: string }): string {
  if (typeof path !== 'string' || path === '' || path.includes('\0')) {
    throw refused(`${name}: ${quote(path)} is not a path`, 'name a file');
  }
  const file = absolute(path);
  const there = stat(file, name);
  if (there?.isDirectory() || path.endsWith('/'))
    throw refused(`${name}: ${quote(path)} is a folder`, 'name a file in it');
  if (there !== null) {
    mustAllow(file, constants.W_OK, name);
    return file;
  }
  const folder = dirname(file);
  if (!stat(folder, name)?.isDirectory()) {
    throw refused(`${name}: no such folder: ${quote(folder)}`, 'create the folder first, or name a file elsewhere');
  }
  mustAllow(folder, constants.W_OK | constants.X_OK, name);
  return file;
}

function stat(path: string, name: string): Stats | null {
  try {
    return statSync(fsPath(path));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'ENOENT' || errno === 'ENOTDIR') return null;
    throw refused(`${name}: ${quote(path)} cannot be looked up (${errno})`, 'name a writable file');
  }
}

function mustAllow(path: string, mode: number, name: string): void {
  try {
    accessSync(fsPath(path), mode);
  } catch (error) {
    throw refused(`${name}: ${quote(path)} cannot be written (${errnoOf(error)})`, 'name a writable file');
  }
}

function refused(message: string, hint: string): SetupError {
  return new SetupError('bad-output-file', message, hint);
}
