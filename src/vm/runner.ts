/** kmem-run as the program of a guest: its command line, and the code cache that speeds up its start. */

import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { findCacheFolder, isPrivateFile } from '../../bin/cache-folder.js';
import { packageRoot } from '../gate/find-helper.ts';
import { helperPath } from '../gate/helper.ts';
import { keepFile } from '../host/keep-file.ts';
import { ownProgramFiles } from './agent.ts';

export type GuestRunner = Readonly<{
  /** Absolute path of this Node, and its arguments. */
  argv: readonly string[];
  /** Absolute path of the native helper. */
  helper: string;
  /** Files worth loading into the guest's memory early. */
  prefetch: readonly string[];
  /** Those of them that decide what it does: all but the code cache. */
  program: readonly string[];
  /** Saves V8's code cache, as sent by the guest, for the next start. */
  keepCodeCache: (base64: string) => void;
}>;

export function guestRunner(): GuestRunner {
  const root = packageRoot(import.meta.dirname);
  const bundle = join(root, 'dist', 'guest.cjs');
  const cache = codeCacheFile(bundle);
  const helper = helperPath();
  // The guest's root cannot see who owns the file.
  const cached = cache !== null && isPrivateFile(cache) ? [cache] : [];
  const start = join(root, 'dist', 'guest-start.cjs');
  const argv = [process.execPath, start, ...cached];
  const program = [...ownProgramFiles(), start, bundle, helper];
  return {
    argv,
    helper,
    program,
    prefetch: [...program, ...cached],
    keepCodeCache: (base64) => {
      if (cache !== null) keep(cache, Buffer.from(base64, 'base64'));
    },
  };
}

/** One for each bundle and Node; null if there is no private folder for it. */
function codeCacheFile(bundle: string): string | null {
  const { folder } = findCacheFolder();
  const id = bundleId(bundle);
  return folder === null || id === null ? null : join(folder, `cli-${id}-${process.version}-guest.cache`);
}

/** The build writes the id into the first line. */
function bundleId(bundle: string): string | null {
  const start = Buffer.alloc(64);
  const fd = openSync(bundle, 'r');
  try {
    readSync(fd, start);
  } finally {
    closeSync(fd);
  }
  return /^\/\* ([0-9a-f]{16}) \*\//.exec(start.toString('latin1'))?.[1] ?? null;
}

/** Without it the next start is only slower. */
function keep(file: string, data: Buffer): void {
  try {
    keepFile(file, data);
  } catch {
    // The folder is not writable.
  }
}
