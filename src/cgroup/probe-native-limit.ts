import { readFileSync } from 'node:fs';
import { newId } from '../host/new-id.ts';
import { parseAmount, tryControl, v1 } from './files.ts';
import { createGroup } from './group.ts';
import { openLock } from './lock.ts';
import { removeGroup } from './remove.ts';
import type { Group, Hierarchies } from './types.ts';

/**
 * `bites`: charges are refused. `toothless`: the limit is accepted, but exceeding charges are not refused. `unset`: it
 * is not even accepted.
 */
export type NativeLimit = 'bites' | 'toothless' | 'unset';

/**
 * Starts a task that joins through this `tasks` file and allocates kernel memory until it cannot, or has more than
 * enough.
 */
export type Exceed = (tasksFile: string) => Promise<{ refused: boolean }>;

/** Takes the lock of an open lock file. @throws SetupError `no-lock` */
export type Hold = (fd: number) => Promise<void>;

/** Room for the task itself, far below what it then requests. */
const PROBE_LIMIT = 128 * 1024;

/**
 * Whether the kernel's own kmem limit holds here: a throwaway group gets one, and a task exceeds it.
 * @throws SetupError if no group can be created
 */
export async function probeNative(
  hierarchies: Hierarchies,
  parent: string | null,
  { exceed, hold }: Readonly<{ exceed: Exceed; hold: Hold }>,
): Promise<NativeLimit> {
  const id = newId();
  // If this process is killed, the lock tells gc that the group may be removed.
  const lock = openLock(id);
  let group: Group | null = null;
  try {
    // Before the group is created: a concurrent run would take it for a dead run's group.
    await hold(lock.fd);
    group = createGroup({ id, hierarchies, parent, pids: false });
    try {
      const limit = `${group.memory}/${v1.kmem.limit}`;
      if (!tryControl(limit, String(PROBE_LIMIT)) || read(limit) !== PROBE_LIMIT) return 'unset';
      const { refused } = await exceed(`${group.memory}/tasks`);
      const failcnt = read(`${group.memory}/${v1.kmem.failcnt}`);
      return refused && failcnt !== null && failcnt > 0 ? 'bites' : 'toothless';
    } finally {
      await removeGroup(group);
    }
  } finally {
    lock.release(group);
  }
}

function read(path: string): number | null {
  try {
    return parseAmount(readFileSync(path, 'latin1'));
  } catch {
    return null;
  }
}
