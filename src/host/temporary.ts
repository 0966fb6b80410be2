/** Folders that are only for a while. gc finds those whose maker was killed by their names. */

import { chmodSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { trustedPath } from '../../bin/cache-folder.js';
import { makerMark } from '../../bin/maker.js';
import { errnoOf, SetupError } from '../errors.ts';

const PREFIX = 'kmem-run-';
/** Not removed by gc, whatever becomes of its maker. */
const KEPT = 'kmem-kept-';

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
      `no folder for the run can be made in ${place} (${errnoOf(error) ?? (error as Error).message})`,
      'set TMPDIR to a folder with room that only you can write, or to one with the sticky bit such as /tmp',
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
export function trustedPlace(place: string): string {
  const system = statSync('/').uid;
  return trustedPath(place, (uid) => uid === 0 || uid === process.geteuid?.() || uid === system);
}

/** What a microVM's 9p or a server's child still writes may come in between. */
export function removeFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true, maxRetries: 3 });
  } catch (error) {
    if (errnoOf(error) === null) throw error;
  }
}
