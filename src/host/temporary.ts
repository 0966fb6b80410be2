/** Temporary folders. Their names carry the mark of their maker, by which gc finds those of a killed process. */

import { chmodSync, lstatSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findCacheFolder, findStateFolder, trustedPath } from '../../bin/cache-folder.js';
import { makerMark, makerOf } from '../../bin/maker.js';
import { errnoOf, SetupError } from '../errors.ts';

const PREFIX = 'kmem-run-';
/** Not removed by gc, whatever becomes of its maker. */
const KEPT = 'kmem-kept-';
/** For the rows of fidelity: one on tmpfs, one on another file system. */
export const WORKSHOPS = ['/dev/shm', '/var/tmp'] as const;

/**
 * A new folder in `place`, where nobody else can put another into its place. `mode`: for example 0o755 for a server that
 * gives up root and has to get there. @throws SetupError `no-folder`
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
      'set TMPDIR to a folder with free space that only you can write to or that has the sticky bit, such as /tmp',
      { cause: error },
    );
  }
}

type FolderOptions = Readonly<{
  place?: string;
  /** It is for the user to look at, and to remove. */
  keeps?: boolean;
}>;

/** In a user namespace the system's folders belong to the owner of /. Throws an Error that says who else could change it. */
function trustedPlace(place: string): string {
  const system = statSync('/').uid;
  return trustedPath(place, (uid) => uid === 0 || uid === process.geteuid?.() || uid === system);
}

/** What a process that was killed left behind. */
export type Remains = Readonly<{
  path: string;
  /** `removable`: in a dry run. `unjudged`: made in another container or before the last boot, and left alone. */
  fate: 'removed' | 'removable' | 'unjudged' | 'failed';
  /** The name of the system's error; null unless it failed. */
  errno: string | null;
}>;

/**
 * Removes this user's temporary folders and unfinished files in the cache folder if their maker is gone; with `force`, also
 * if that is unknown. Waits for no lock: whatever is still being made has a living maker.
 */
export function collectRemains({ force, dryRun }: Readonly<{ force: boolean; dryRun: boolean }>): Remains[] {
  const ofRuns = [tmpdir(), ...WORKSHOPS].flatMap((place) => marked(place, PREFIX));
  const { folder: cache } = findCacheFolder();
  const { folder: state } = findStateFolder();
  const inCache = cache === null ? [] : [cache, join(cache, 'initramfs'), join(cache, 'kernels')];
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

/** Our own entries of a folder that carry the mark of a process that no longer lives. */
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
    // Not there, or nothing of ours could be in it.
    return [];
  }
}

/** What a microVM's 9p or a server's child still writes may come in between. */
export function removeFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (errnoOf(error) === null) throw error;
  }
}
