import { closeSync, constants, openSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { errnoOf } from '../errors.ts';
import { PROCS, parseProcs } from './files.ts';

/** Larger trees than this are not walked to the end, nor what has a longer path than the kernel takes. */
const MAX_DIRECTORIES = 50_000;

const LONGEST_PATH = 4000;

/** The cgroups under a directory, parents first; those that vanish meanwhile are left out. */
export function nestedGroups(directory: string): string[] {
  const found: string[] = [];
  const open = [directory];
  for (let parent = open.pop(); parent !== undefined; parent = open.pop()) {
    for (const name of subdirectories(parent)) {
      if (found.length >= MAX_DIRECTORIES) return found;
      found.push(`${parent}/${name}`);
      open.push(`${parent}/${name}`);
    }
  }
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

/**
 * Calls `onLeave` for each cgroup under a directory, children first, with a path that is valid during the call and the
 * names that lead there. Uses open directories: nesting may be deeper than a path can express.
 */
export function walkNested(directory: string, onLeave: (path: string, names: readonly string[]) => void): void {
  const names: string[] = [];
  let at = openDirectory(directory);
  if (at === null) return;
  const enter = (name: string): boolean => {
    const next = openDirectory(`/proc/self/fd/${at}/${name}`);
    if (next === null || at === null) return false;
    closeSync(at);
    at = next;
    return true;
  };
  try {
    const todo = [subdirectories(`/proc/self/fd/${at}`)];
    for (let here = todo.at(-1); here !== undefined; here = todo.at(-1)) {
      const name = here.pop();
      if (name !== undefined && enter(name)) {
        names.push(name);
        todo.push(subdirectories(`/proc/self/fd/${at}`));
      }
      if (name !== undefined) continue;
      todo.pop();
      const left = names.at(-1);
      if (left === undefined || !enter('..')) return;
      onLeave(`/proc/self/fd/${at}/${left}`, names);
      names.pop();
    }
  } finally {
    closeSync(at);
  }
}

function openDirectory(path: string): number | null {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW);
  } catch (error) {
    if (isGone(error) || errnoOf(error) === 'EACCES') return null;
    throw error;
  }
}

/** Names; none if it has no nested groups, is gone, or may not be read. */
function subdirectories(directory: string): string[] {
  if (isLeaf(directory)) return [];
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  } catch (error) {
    // A path may be longer than the system accepts if others nest groups.
    if (isGone(error) || ['EACCES', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}

/** The pids in a cgroup and in those under it. */
export function pidsBelow(directory: string): number[] {
  const nested = nestedGroups(directory);
  const found = [directory, ...nested].flatMap(pidsIn);
  // With the file name added, some paths are too long to be read.
  if (nested.some(({ length }) => length > LONGEST_PATH)) walkNested(directory, (path) => found.push(...pidsIn(path)));
  return found;
}

/** The pids in one cgroup without nested ones; 0 for each process outside our pid namespace. Empty if it is gone. */
export function pidsIn(directory: string): number[] {
  try {
    return readPids(directory);
  } catch (error) {
    // A threaded v2 cgroup refuses this file; its parent cgroup lists its processes.
    if (isGone(error) || ['ENOTSUP', 'ENAMETOOLONG'].includes(errnoOf(error) ?? '')) return [];
    throw error;
  }
}

/** The same, but throws the system's error. Opened each time: on v1 a file kept open returns its first list again. */
export function readPids(directory: string): number[] {
  return parseProcs(readFileSync(`${directory}/${PROCS}`, 'latin1'));
}

/** The directory was removed: before it was opened, or while it was open. */
export function isGone(error: unknown): boolean {
  const errno = errnoOf(error);
  return errno === 'ENOENT' || errno === 'ENODEV';
}
