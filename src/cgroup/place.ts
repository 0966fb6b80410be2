import { closeSync, constants, existsSync, openSync, realpathSync, statfsSync } from 'node:fs';
import { posix } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { PROCS, v1 } from './files.ts';
import { sameCgroup } from './hierarchies.ts';
import { isWithin } from './mounts.ts';
import type { Hierarchies, Hierarchy } from './types.ts';

/** CGROUP_SUPER_MAGIC and CGROUP2_SUPER_MAGIC of <linux/magic.h>. */
const CGROUP_MAGIC = 0x27e0eb;
const CGROUP2_MAGIC = 0x63677270;

/** Where a group can be made: directories to try in order; an empty list means that the hierarchy is not to be had. */
export type Places = Readonly<{
  memory: string;
  unified: readonly string[];
  pids: readonly string[];
}>;

/**
 * The directories under which a run's group is made: the runner's own cgroups, or `parent` in the memory hierarchy
 * and its like in the others.
 * Throws SetupError `no-memory-controller`, `cgroup-v2-unsupported`, `own-cgroup-unseen`, `bad-parent`.
 */
export function findPlaces(hierarchies: Hierarchies, parent: string | null): Places {
  if (parent !== null) {
    const memory = memoryParent(parent, hierarchies);
    const like = (hierarchy: Hierarchy | null) => likePlaces(memory, hierarchies.memory, hierarchy);
    return {
      memory,
      unified: like(hierarchies.unified).filter(joinableIn(hierarchies.unified)),
      pids: like(versionOne(hierarchies.pids)),
    };
  }
  const memory = ownMemory(hierarchies);
  const unified = ownOf(hierarchies.unified).filter(joinableIn(hierarchies.unified));
  return { memory, unified, pids: ownOf(versionOne(hierarchies.pids)) };
}

function ownMemory({ memory, layout }: Hierarchies): string {
  if (memory === null) throw noMemoryController(layout);
  if (memory.version === 2) throw v2Unsupported('the memory controller is on cgroup v2');
  if (memory.own !== null) return memory.own;
  throw new SetupError(
    'own-cgroup-unseen',
    `the mount at ${memory.mountPoint} does not show the cgroup that kmem-run runs in`,
    'name a directory of the memory controller to make the group in: --parent DIR',
  );
}

function memoryParent(parent: string, { memory, layout }: Hierarchies): string {
  const where = memory?.version === 1 ? `under ${memory.mountPoint}` : 'of the cgroup v1 memory controller';
  const refuse = (reason: string, cause?: unknown) =>
    new SetupError('bad-parent', `--parent ${parent} ${reason}`, `name an existing directory ${where}`, { cause });
  if (!posix.isAbsolute(parent)) throw refuse('is not an absolute path');
  let directory: string;
  let type: number;
  try {
    directory = realpathSync(parent);
    type = statfsSync(directory).type;
  } catch (error) {
    throw refuse(`cannot be used (${errnoOf(error) ?? 'unknown error'})`, error);
  }
  if (type === CGROUP2_MAGIC) throw v2Unsupported(`--parent ${parent} is on cgroup v2`);
  if (memory === null) throw noMemoryController(layout);
  if (type !== CGROUP_MAGIC) throw refuse('is not in a cgroup file system');
  if (existsSync(`${directory}/${v1.mem.usage}`)) return directory;
  throw refuse(existsSync(`${directory}/${PROCS}`) ? 'is not in the memory hierarchy' : 'is not a directory');
}

function noMemoryController(layout: string): SetupError {
  const seen = layout === 'none' ? 'no cgroup file system is mounted' : `the cgroup layout is ${layout}`;
  return new SetupError(
    'no-memory-controller',
    `no memory controller is mounted where kmem-run can see it (${seen})`,
    'mount it: mkdir -p /sys/fs/cgroup/memory && mount -t cgroup -o memory cgroup /sys/fs/cgroup/memory',
  );
}

function v2Unsupported(reason: string): SetupError {
  return new SetupError(
    'cgroup-v2-unsupported',
    `${reason}, which this version of kmem-run cannot use yet`,
    'use a machine with the v1 memory controller (boot with systemd.unified_cgroup_hierarchy=0)',
  );
}

/** The same cgroup in another hierarchy, if it is there; then the runner's own. */
function likePlaces(directory: string, from: Hierarchy | null, to: Hierarchy | null): string[] {
  const same = from === null || to === null ? null : sameCgroup(directory, from, to);
  return [...new Set([...(same === null ? [] : [same]), ...ownOf(to)])];
}

function ownOf(hierarchy: Hierarchy | null): string[] {
  return hierarchy?.own == null ? [] : [hierarchy.own];
}

/** Controllers of v2 have to be handed down through cgroup.subtree_control, which is not built yet. */
function versionOne(hierarchy: Hierarchy | null): Hierarchy | null {
  return hierarchy?.version === 1 ? hierarchy : null;
}

/**
 * v2 lets a process be moved only by who may write the `cgroup.procs` of the common ancestor of both cgroups: a
 * group that could be made but not joined is no use. Source: cgroup-v2.rst, "Delegation Containment".
 */
function joinableIn(unified: Hierarchy | null): (directory: string) => boolean {
  return (directory) => {
    let ancestor = directory;
    const from = unified?.own ?? unified?.mountPoint ?? directory;
    while (!isWithin(from, ancestor)) ancestor = posix.dirname(ancestor);
    return isWritable(`${ancestor}/${PROCS}`);
  };
}

function isWritable(path: string): boolean {
  try {
    // Not access(2), which asks for the real user.
    closeSync(openSync(path, constants.O_WRONLY));
    return true;
  } catch {
    return false;
  }
}
