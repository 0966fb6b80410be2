/**
 * Temporary folders. Their names identify the process that created them, so that gc finds those of a killed process.
 */

import { chmodSync, lstatSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCacheFolder, findStateFolder, trustedPath } from '../../bin/cache-folder.js';
import { makerMark, makerOf } from '../../bin/maker.js';
import { errnoOf, SetupError } from '../errors.ts';

const PREFIX = 'kmem-run-';
/** Not removed by gc, whether or not its creator is alive. */
const KEPT = 'kmem-kept-';
/** For the rows of fidelity: one on tmpfs, one on another file system. */
export const WORKSHOPS = ['/dev/shm', '/var/tmp'] as const;

/** Folders in the cache folder in which files are written. */
const PARTS_OF_CACHE = ['initramfs', 'kernels', 'snapshots'];

/**
 * Creates a folder in `place`, where nobody else can replace it. `mode`: for example 0o755 for a server that drops root
 * and must reach the folder. @throws SetupError `no-folder`
 */
export function makeFolder(mode: number, { place = tmpdir(), keeps = false }: FolderOptions = {}): string {
  try {
    const prefix = keeps ? KEPT : `${PREFIX}${makerMark()}`;
    const folder = mkdtempSync(join(trustedPlace(place), prefix));
    chmodSync(folder, mode);
    return folder;
  } catch (error) {
    throw new SetupError(
      'no-folder',
      `cannot create a folder for the run in ${place} (${errnoOf(error) ?? (error as Error).message})`,
      'set TMPDIR to a folder with free space: one that only you can write to, or one with the sticky bit, such as /tmp',
      { cause: error },
    );
  }
}

type FolderOptions = Readonly<{
  place?: string;
  /** The user inspects and removes the folder. */
  keeps?: boolean;
}>;

/**
 * In a user namespace the system's folders belong to the owner of /. Throws an Error that names who else could change
 * the place.
 */
function trustedPlace(place: string): string {
  const system = statSync('/').uid;
  return trustedPath(place, (uid) => uid === 0 || uid === process.geteuid?.() || uid === system);
}

/** A folder or file left behind by a killed process. */
export type Remains = Readonly<{
  path: string;
  /** `removable`: in a dry run. `unjudged`: created in another container or before the last boot, and left alone. */
  fate: 'removed' | 'removable' | 'unjudged' | 'failed';
  /** The name of the system's error; null unless removal failed. */
  errno: string | null;
}>;

/**
 * Removes this user's temporary folders and unfinished files in the cache folder if their creator is gone; with
 * `force`, also if that is unknown. Waits for no lock: anything still being created has a living creator.
 */
export function collectRemains({ force, dryRun }: Readonly<{ force: boolean; dryRun: boolean }>): Remains[] {
  const ofRuns = [tmpdir(), ...WORKSHOPS].flatMap((place) => marked(place, PREFIX));
  const { folder: cache } = findCacheFolder();
  const { folder: state } = findStateFolder();
  const inCache = cache === null ? [] : [cache, ...PARTS_OF_CACHE.map((name) => join(cache, name))];
  const unfinished = [...inCache, ...(state === null ? [] : [state])].flatMap((place) => marked(place, ''));
  return [...ofRuns, ...unfinished].map(({ path, maker }) => {
    if (maker === 'unknown' && !force) return { path, fate: 'unjudged', errno: null };
    if (dryRun) return { path, fate: 'removable', errno: null };
    try {
      rmSync(path, { recursive: true, force: true });
      return { path, fate: 'removed', errno: null };
    } catch (error) {
      return { path, fate: 'failed', errno: errnoOf(error) ?? 'unknown error' };
    }
  });
}

/** This user's entries of a folder whose names carry the mark of a process that is gone. */
function marked(place: string, prefix: string): { path: string; maker: 'gone' | 'unknown' }[] {
  try {
    const folder = trustedPlace(place);
    return readdirSync(folder).flatMap((name) => {
      const maker = name.startsWith(prefix) ? makerOf(name) : null;
      const path = join(folder, name);
      const isOurs = () => lstatSync(path, { throwIfNoEntry: false })?.uid === process.geteuid?.();
      return maker === null || maker === 'alive' || !isOurs() ? [] : [{ path, maker }];
    });
  } catch {
    // It is missing, or nothing of ours can be in it.
    return [];
  }
}

/** Retries: a microVM's 9p or a server's child may still write into the folder. */
export function removeFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (errnoOf(error) === null) throw error;
  }
}
