import { readFileSync } from 'node:fs';
import { newId } from '../host/new-id.ts';
import { PROCS, parseAmount, runLeaf, tryControl, v1 } from './files.ts';
import { createGroup } from './group.ts';
import { openLock } from './lock.ts';
import { countByModule, forgetByModule } from './native-module.ts';
import { removeGroup } from './remove.ts';
import type { Group, Hierarchies } from './types.ts';

/**
 * `bites`: charges are refused. `toothless`: the limit is accepted, but exceeding charges are not refused. `unset`: it
 * is not even accepted.
 */
export type NativeLimit = 'bites' | 'toothless' | 'unset';

/**
 * Starts a task that joins through this `tasks` or `cgroup.procs` file and allocates kernel memory until it cannot, or has more than
 * enough.
 */
export type Exceed = (tasksFile: string) => Promise<{ refused: boolean }>;

/** Takes the lock of an open lock file. @throws SetupError `no-lock` */
export type Hold = (fd: number) => Promise<void>;

/** Room for the task itself, far below what it then requests. */
const PROBE_LIMIT = 128 * 1024;

/**
 * Whether the kernel's own kmem limit holds here, or that of our module: a throwaway group gets one, and a task exceeds
 * it. `byModule`: the module is loaded. @throws SetupError if no group can be created
 */
export async function probeNative(
  hierarchies: Hierarchies,
  parent: string | null,
  { exceed, hold, byModule = false }: Readonly<{ exceed: Exceed; hold: Hold; byModule?: boolean }>,
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
      if (byModule) group = countByModule(group);
      const limit = `${group.kmem}/${v1.kmem.limit}`;
      if (group.kmem === null || !tryControl(limit, String(PROBE_LIMIT)) || read(limit) !== PROBE_LIMIT) return 'unset';
      const { refused } = await exceed(joinFile(group));
      const failcnt = read(`${group.kmem}/${v1.kmem.failcnt}`);
      return refused && failcnt !== null && failcnt > 0 ? 'bites' : 'toothless';
    } finally {
      await removeGroup(group);
      forgetByModule(group);
    }
  } finally {
    lock.release(group);
  }
}

function joinFile({ version, memory }: Group): string {
  return version === 1 ? `${memory}/tasks` : `${runLeaf(memory)}/${PROCS}`;
}

function read(path: string): number | null {
  try {
    return parseAmount(readFileSync(path, 'latin1'));
  } catch {
    return null;
  }
}
