/** Where kernels are kept: `kmem-run/kernels` in the user's own cache folder. */

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { findCacheFolder, makeFolder } from '../../bin/cache-folder.js';
import { errnoOf, SetupError } from '../errors.ts';
import { isKernelName } from './types.ts';

/** What is in it beside the kernels begins with a dot, which no kernel's name does. */
export type KernelsFolder = Readonly<{
  path: string;
  lock: string;
  /** What a kernel's folder is made of before it is put in its place: a new one under this prefix for each. */
  staging: string;
  /** Where a kernel's name has its own folder. */
  of: (name: string) => string;
  /** What is kept of a download that was interrupted. */
  download: (name: string) => string;
}>;

/** @throws SetupError `no-cache-folder`. Makes nothing but the private cache folder itself. */
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

/** Makes the folder if need be. */
export function ensureFolder({ path }: KernelsFolder): void {
  makeFolder(path, 0o700);
}

/** The names of the kernels that were added, whether whole or damaged. */
export function kernelNames(folders: KernelsFolder): string[] {
  return entriesOf(folders.path)
    .filter((name) => isKernelName(name) && isThere(folders, name))
    .sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

/** Whether anything is in a kernel's place: an empty folder is nothing, a file is damage. */
export function isThere(folders: KernelsFolder, name: string): boolean {
  try {
    return entriesOf(folders.of(name)).length > 0;
  } catch (error) {
    if (errnoOf(error) === 'ENOTDIR') return true;
    throw error;
  }
}

/** What is in a directory; nothing where there is none. */
export function entriesOf(path: string): string[] {
  try {
    return readdirSync(path);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return [];
    throw error;
  }
}
