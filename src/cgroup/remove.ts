import { rmdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf, SetupError } from '../errors.ts';
import { cut } from '../text/visible.ts';
import { DEADLINE_MS, type KillOptions, killUntil, nameProcesses, STUCK } from './kill.ts';
import { walkNested } from './nested.ts';
import { listProcesses } from './processes.ts';
import type { GroupDirectories } from './types.ts';

const LONGEST_PAUSE_MS = 20;
/** Directories named in an error. */
const SHOWN = 5;

/**
 * Kills everything in the group and removes its directories, nested groups first; returns when all are proved gone.
 * @throws SetupError `group-not-removed` at the deadline, naming what is left.
 */
export async function removeGroup(
  group: GroupDirectories,
  { deadlineMs = DEADLINE_MS }: KillOptions = {},
): Promise<void> {
  // The kernel does not remove a cgroup with processes or nested groups: for an empty one this is sufficient.
  if (removeDirectories(group.directories).length === 0) return;
  const deadline = performance.now() + deadlineMs;
  for (let round = 0; ; round += 1) {
    await killUntil(group, deadline);
    const left = removeTrees(group.directories);
    if (left.length === 0) return;
    if (performance.now() > deadline || left.every(({ errno }) => isFinal(errno))) throw notRemoved(group, left);
    await sleep(Math.min(2 ** round, LONGEST_PAUSE_MS));
  }
}

type Left = Readonly<{ directory: string; errno: string }>;

function removeTrees(directories: readonly string[]): Left[] {
  return directories
    .toReversed()
    .flatMap((directory) => [...removeNested(directory), ...removeDirectories([directory])]);
}

function removeNested(directory: string): Left[] {
  const left: Left[] = [];
  walkNested(directory, (path, names) => {
    const [failure] = removeDirectories([path]);
    if (failure !== undefined) left.push({ ...failure, directory: [directory, ...names].join('/') });
  });
  return left;
}

/** Last first, since a nested group comes after its parent; it is fine if some are already gone. */
function removeDirectories(directories: readonly string[]): Left[] {
  return directories.toReversed().flatMap((directory) => {
    try {
      rmdirSync(directory);
      return [];
    } catch (error) {
      const errno = errnoOf(error) ?? 'unknown error';
      return errno === 'ENOENT' ? [] : [{ directory, errno }];
    }
  });
}

/** Waiting helps if something is still in it (EBUSY, ENOTEMPTY), but not if removal is not permitted. */
function isFinal(errno: string): boolean {
  return ['EACCES', 'EPERM', 'EROFS'].includes(errno);
}

function notRemoved(group: GroupDirectories, left: readonly Left[]): SetupError {
  const pids = listProcesses(group);
  const shown = left.slice(0, SHOWN).map(({ directory, errno }) => `${cut(directory, 300)} (${errno})`);
  const directories = [...shown, ...(left.length > SHOWN ? [`${left.length - SHOWN} more`] : [])].join(', ');
  const within = pids.length === 0 ? 'it contains no process' : `it contains ${nameProcesses(pids)}`;
  return new SetupError(
    'group-not-removed',
    `left behind: ${directories}; ${within}`,
    pids.length === 0 ? REMOVE : STUCK,
  );
}

const REMOVE = 'run kmem-run gc as the user who owns these directories, or as root';
