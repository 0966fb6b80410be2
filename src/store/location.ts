/** Where results are kept: a file that the user names, or one of their own. */

import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { findStateFolder } from '../../bin/cache-folder.js';
import { errnoOf, SetupError } from '../errors.ts';
import { quote } from '../spec/quote.ts';

export type Location = Readonly<{
  /** Absolute. */
  file: string;
  /** Named by the user, who then decides who may read it; else it is in the private state folder. */
  named: boolean;
}>;

/** Null: the user's own store. Throws SetupError `no-state-folder`, `bad-store`. */
export function locate(file: string | null): Location {
  if (file === null) return { file: join(stateFolder(), 'store.sqlite'), named: false };
  if (file === '' || file.includes('\0')) throw badStore(`${quote(file)} is no path of a store`);
  const location = { file: resolve(file), named: true };
  if (fileExists(location.file) && !statSync(location.file).isFile())
    throw badStore(`${quote(file)} is no regular file`);
  return location;
}

/** Throws SetupError `bad-store` where it cannot be told. */
export function fileExists(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw badStore(`the store ${quote(file)} cannot be looked up (${errnoOf(error)})`);
  }
}

function stateFolder(): string {
  const { folder, reason } = findStateFolder();
  if (folder !== null) return folder;
  throw new SetupError(
    'no-state-folder',
    `there is no private folder to keep results in${reason === null ? '' : ` (${reason})`}`,
    'set XDG_STATE_HOME to a folder that only you can write, or name a file: --store FILE',
  );
}

function badStore(message: string): SetupError {
  return new SetupError('bad-store', message, 'name the file of a store, or a new one in a folder that is there');
}
