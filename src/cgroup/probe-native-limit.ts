import { readFileSync } from 'node:fs';
import { newId } from '../host/new-id.ts';
import { parseAmount, tryControl, v1 } from './files.ts';
import { createGroup } from './group.ts';
import { openLock } from './lock.ts';
import { removeGroup } from './remove.ts';
import type { Group, Hierarchies } from './types.ts';

/** `bites`: charges are refused. `toothless`: the limit is taken, and what exceeds it is not refused. `unset`: it is not even taken. */
export type NativeLimit = 'bites' | 'toothless' | 'unset';

/** Starts a task that joins by this `tasks` file and allocates kernel memory until it cannot, or has more than enough. */
export type Exceed = (tasksFile: string) => Promise<{ refused: boolean }>;

/** Takes the lock of an open lock file. @throws SetupError `no-lock` */
export type Hold = (fd: number) => Promise<void>;

/** Room for the task itself, far below what it goes on to ask for. */
const PROBE_LIMIT = 128 * 1024;

/**
 * Whether a kmem limit of the kernel's own holds here: a throwaway group gets one, and a task that exceeds it.
 * @throws SetupError where no group can be made
 */
export async function probeNative(
  hierarchies: Hierarchies,
  parent: string | null,
  { exceed, hold }: Readonly<{ exceed: Exceed; hold: Hold }>,
): Promise<NativeLimit> {
  const id = newId();
  // Were this process killed, the lock would tell gc that the group may go.
  const lock = openLock(id);
  let group: Group | null = null;
  try {
    // Before the group is made: a run beside this one would take it for a dead one's.
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
