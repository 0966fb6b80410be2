import { readdirSync, readFileSync, statSync } from 'node:fs';
import { errnoOf } from '../errors.ts';
import { PROCS, parseProcs } from './files.ts';

/** Deeper or larger trees than these are not walked to the end. */
const MAX_DEPTH = 64;
const MAX_DIRECTORIES = 50_000;

/** The cgroups under a directory, each before what is in it; those that vanish meanwhile are left out. */
export function nestedGroups(directory: string): string[] {
  const found: string[] = [];
  const visit = (parent: string, depth: number): void => {
    if (depth >= MAX_DEPTH || isLeaf(parent)) return;
    for (const name of subdirectories(parent)) {
      if (found.length >= MAX_DIRECTORIES) return;
      found.push(`${parent}/${name}`);
      visit(`${parent}/${name}`, depth + 1);
    }
  };
  visit(directory, 0);
  return found;
}

/** kernfs counts a directory's subdirectories in its link count: one stat instead of a listing of forty files. */
function isLeaf(directory: string): boolean {
  try {
    return statSync(directory).nlink === 2;
  } catch {
    return false;
  }
}

function subdirectories(directory: string): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    // A path may be longer than the system takes, where others nest groups.
    if (isGone(error) || ['EACCES', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}

/** The pids in one cgroup without nested ones; 0 for each process outside our pid namespace. Empty if it is gone. */
export function pidsIn(directory: string): number[] {
  try {
    return readPids(directory);
  } catch (error) {
    // A threaded v2 cgroup refuses this file; its processes are listed by the cgroup above it.
    if (isGone(error) || errnoOf(error) === 'ENOTSUP') return [];
    throw error;
  }
}

/** The same, throwing the system's error. A fresh open each time: v1 gives a file kept open its first list again. */
export function readPids(directory: string): number[] {
  return parseProcs(readFileSync(`${directory}/${PROCS}`, 'latin1'));
}

/** The directory was removed: before it was opened, or while it was open. */
export function isGone(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENODEV';
}
