/** Where kernels are stored: `kmem-run/kernels` in the user's own cache folder. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findCacheFolder, makeFolder } from '../../bin/cache-folder.js';
import { errnoOf, SetupError } from '../errors.ts';
import { isKernelName } from './types.ts';

/** Entries other than kernels begin with a dot, which no kernel's name does. */
export type KernelsFolder = Readonly<{
  path: string;
  lock: string;
  /** Prefix of the folders in which a kernel's files are prepared before they are moved into place; each is new. */
  staging: string;
  /** The folder of the kernel of that name. */
  of: (name: string) => string;
  /** The partial files of an interrupted download. */
  download: (name: string) => string;
}>;

/** @throws SetupError `no-cache-folder`. Creates only the private cache folder. */
export function kernelsFolder(): KernelsFolder {
  const { folder, reason } = findCacheFolder();
  if (folder === null) {
    throw new SetupError(
      'no-cache-folder',
      `no private folder for kernels: ${reason}`,
      'set XDG_CACHE_HOME to a folder that only you can write to',
    );
  }
  const path = join(folder, 'kernels');
  return {
    path,
    lock: join(path, '.lock'),
    staging: join(path, '.new-'),
    of: (name) => join(path, name),
    download: (name) => join(path, '.download', name),
  };
}

/** Creates the folder if necessary. */
export function ensureFolder({ path }: KernelsFolder): void {
  makeFolder(path, 0o700);
}

/** The names of the added kernels, intact or damaged. */
export function kernelNames(folders: KernelsFolder): string[] {
  return entriesOf(folders.path)
    .filter((name) => isKernelName(name) && isThere(folders, name))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** Whether a kernel's place is occupied: an empty folder does not count, a file counts as damage. */
export function isThere(folders: KernelsFolder, name: string): boolean {
  try {
    return entriesOf(folders.of(name)).length > 0;
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return true;
    throw error;
  }
}

/** The entries of a directory; none if it does not exist. */
export function entriesOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
