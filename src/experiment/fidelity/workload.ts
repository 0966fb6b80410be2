/** Runs the rows' program and provides what it needs: folders on tmpfs, and room in the system's own limits. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { exhaust } from '../../../bin/compile-native.js';
import { errnoOf, SetupError } from '../../errors.ts';
import { findNative } from '../../gate/find-helper.ts';
import { makeFolder, removeFolder, WORKSHOPS } from '../../host/temporary.ts';
import type { Try } from './judge.ts';

/** Path of the program; compiled now if the package came without it. Throws as findNative does. */
export function workloadProgram(): string {
  return findNative(exhaust, undefined);
}

export type Workshop = Readonly<{
  /**
   * An empty folder for this row, on tmpfs unless it asks for another; files that inotify watches are in their row's
   * folder.
   */
  folderFor: (row: string) => string;
  /** Where the program's output goes. */
  output: string;
  close: () => void;
}>;

const TMPFS = 0x01021994;
/** The second is a file system that caches failed name lookups, as far as anybody can tell. */
const [SHARED_MEMORY, NOT_TMPFS] = WORKSHOPS;
const FILES_TO_WATCH = 60_000;

/** Limits that a row needs higher than the system default and that are not per namespace. */
const RAISED = {
  '/proc/sys/fs/inotify/max_user_instances': 100_000,
  '/proc/sys/fs/inotify/max_user_watches': 1_000_000,
} as const;

/** @throws SetupError `no-tmpfs`, `limits-not-raised`. close() restores everything. */
export function openWorkshop(program: string): Workshop {
  const isTmpfs = () => statfsSync(SHARED_MEMORY).type === TMPFS;
  if (!attempt(isTmpfs)) {
    throw new SetupError('no-tmpfs', `${SHARED_MEMORY} is not on tmpfs`, `mount -t tmpfs tmpfs ${SHARED_MEMORY}`);
  }
  const restore = raiseLimits();
  const place = makeFolder(0o700, { place: SHARED_MEMORY });
  const elsewhere = makeFolder(0o700, { place: NOT_TMPFS });
  const watched = join(place, 'watched');
  let folders = 0;
  const folderFor = (row: string): string => {
    if (row !== 'inotify_watch') {
      folders += 1;
      const folder = join(row === 'stat_kept' ? elsewhere : place, String(folders));
      mkdirSync(folder);
      return folder;
    }
    if (!attempt(() => statfsSync(watched))) {
      mkdirSync(watched);
      execFileSync(program, ['files', watched, String(FILES_TO_WATCH)]);
    }
    return watched;
  };
  return {
    folderFor,
    output: join(place, 'output'),
    close: () => {
      for (const folder of [place, elsewhere]) removeFolder(folder);
      restore();
    },
  };
}

/** The tries that the program reported. Throws an Error on any other output. */
export function readTries(file: string): Try[] {
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n');
  return lines.map((line) => {
    const { made, errno, before, after } = readLine(line);
    return { made, errno, before, after };
  });
}

function readLine(line: string): Try {
  try {
    const read: unknown = JSON.parse(line);
    if (typeof read === 'object' && read !== null && 'made' in read) return read as Try;
  } catch {
    // Told below.
  }
  throw new Error(`unexpected output of the workload: ${line === '' ? 'none' : line}`);
}

function raiseLimits(): () => void {
  const before = new Map<string, string>();
  const restore = (): void => {
    for (const [file, text] of before) writeFileSync(file, text);
  };
  try {
    for (const [file, least] of Object.entries(RAISED)) {
      const text = readFileSync(file, 'utf8');
      if (Number(text) >= least) continue;
      writeFileSync(file, String(least));
      before.set(file, text);
    }
  } catch (error) {
    restore();
    const reason = `the limits of inotify cannot be raised (${errnoOf(error) ?? error})`;
    throw new SetupError(
      'limits-not-raised',
      reason,
      'run as root, or leave out --here: a microVM has limits of its own',
    );
  }
  return restore;
}

function attempt(act: () => unknown): boolean {
  try {
    return Boolean(act());
  } catch {
    return false;
  }
}
