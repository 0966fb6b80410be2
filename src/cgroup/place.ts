import { existsSync, realpathSync, statfsSync } from 'node:fs';
import { posix } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { readOrNull } from '../host/read-file.ts';
import type { CgroupVersion } from '../request/run-spec.ts';
import { above, whyNotJoinable } from './delegate.ts';
import { PROCS, v1 } from './files.ts';
import { sameCgroup } from './hierarchies.ts';
import { mountWords, whyNoMemory } from './hints.ts';
import type { Hierarchies, Hierarchy } from './types.ts';

/** CGROUP_SUPER_MAGIC and CGROUP2_SUPER_MAGIC of <linux/magic.h>. */
const CGROUP_MAGIC = 0x27e0eb;
const CGROUP2_MAGIC = 0x63677270;

/** Where a group can be created: directories to try in order; an empty list means that the hierarchy is unavailable. */
export type Places = Readonly<{
  /** Of the memory hierarchy. */
  version: 1 | 2;
  memory: readonly string[];
  /** In addition to the memory hierarchy: empty on v2, which has only one. */
  unified: readonly string[];
  /** On v1 only: on v2 the memory directories serve for pids too. */
  pids: readonly string[];
}>;

/**
 * The directories under which a run's group is created: the runner's own cgroups (on v2 those above too, see
 * delegate.ts), or `parent` in the memory hierarchy and its counterparts in the others.
 * @throws SetupError `no-memory-controller`, `own-cgroup-unseen`, `bad-parent`.
 */
export function findPlaces(hierarchies: Hierarchies, parent: string | null): Places {
  const memory = memoryOf(hierarchies);
  const given = parent === null ? null : memoryParent(parent, memory);
  const own = given ?? ownMemory(memory);
  const like = (hierarchy: Hierarchy | null) =>
    given === null ? ownOf(hierarchy) : likePlaces(given, hierarchies.memory, hierarchy);
  const pids = like(versionOne(hierarchies.pids));
  if (memory.version === 2) {
    return { version: 2, memory: given === null ? above(own, memory.mountPoint) : [given], unified: [], pids };
  }
  const unified = like(hierarchies.unified).filter(
    (directory) => whyNotJoinable(directory, hierarchies.unified) === null,
  );
  return { version: 1, memory: [own], unified, pids };
}

/** @throws SetupError `no-such-cgroup` if the memory controller is not on the requested version. */
export function requireVersion({ memory }: Hierarchies, asked: CgroupVersion): void {
  if (asked === 'auto' || memory === null || `v${memory.version}` === asked) return;
  throw new SetupError(
    'no-such-cgroup',
    `--cgroup ${asked}: the memory controller of this machine is on cgroup v${memory.version}`,
    'leave out --cgroup, or use a kernel that supports v1 and v2: --kernel 5.10 or --kernel 6.1',
  );
}

function memoryOf(hierarchies: Hierarchies): Hierarchy {
  const { memory } = hierarchies;
  if (memory !== null) return memory;
  const { found, remedy } = whyNoMemory(hierarchies);
  const reason = `no memory controller is mounted where kmem-run can see it (${found})`;
  throw new SetupError('no-memory-controller', reason, remedy);
}

function ownMemory({ version, mountPoint, own }: Hierarchy): string {
  if (own !== null) return own;
  if (isOutsideNamespace()) {
    const shell = version === 1 ? mountPoint : `${mountPoint}/shell`;
    const make = version === 1 ? '' : `mkdir -p ${shell} && `;
    throw new SetupError(
      'own-cgroup-unseen',
      `kmem-run's own cgroup is outside its cgroup namespace and not visible at ${mountPoint} (nsenter?)`,
      `move the shell inside: ${make}echo $$ >${shell}/${PROCS}; or name a directory of the memory controller: --parent DIR`,
    );
  }
  throw new SetupError(
    'own-cgroup-unseen',
    `the mount at ${mountPoint} is older than the cgroup namespace and does not show kmem-run's own cgroup`,
    `mount it again: umount -l ${mountPoint} && ${mountWords(version, mountPoint)}; or start without a cgroup namespace (docker, podman: --cgroupns=host; bwrap: no --unshare-cgroup); or name a directory of the memory controller: --parent DIR`,
  );
}

/** As after setns(2): a path that leads above the namespace's root. Source: cgroup_namespaces(7). */
function isOutsideNamespace(): boolean {
  return /^\d+:([^:\n]*\bmemory\b[^:\n]*)?:\/\.\./m.test(readOrNull('/proc/self/cgroup') ?? '');
}

function memoryParent(parent: string, { version, mountPoint }: Hierarchy): string {
  const refuse = (reason: string, cause?: unknown) =>
    new SetupError('bad-parent', `--parent ${parent} ${reason}`, `name an existing directory under ${mountPoint}`, {
      cause,
    });
  if (!posix.isAbsolute(parent)) throw refuse('is not an absolute path');
  let directory: string;
  let type: number;
  try {
    directory = realpathSync(parent);
    type = statfsSync(directory).type;
  } catch (error) {
    throw refuse(`cannot be used (${errnoOf(error) ?? 'unknown error'})`, error);
  }
  if (type !== CGROUP_MAGIC && type !== CGROUP2_MAGIC) throw refuse('is not in a cgroup file system');
  if (!existsSync(`${directory}/${PROCS}`)) throw refuse('is not a directory');
  if ((type === CGROUP2_MAGIC) !== (version === 2))
    throw refuse(`is not on cgroup v${version}, where the memory controller of this machine is`);
  // On v2 the controller may still be handed down to it.
  if (version === 2 || existsSync(`${directory}/${v1.mem.usage}`)) return directory;
  throw refuse('is not in the memory hierarchy');
}

/** The same cgroup in another hierarchy, if it exists there; then the runner's own. */
function likePlaces(directory: string, from: Hierarchy | null, to: Hierarchy | null): string[] {
  const same = from === null || to === null ? null : sameCgroup(directory, from, to);
  return [...new Set([...(same === null ? [] : [same]), ...ownOf(to)])];
}

function ownOf(hierarchy: Hierarchy | null): string[] {
  return hierarchy?.own == null ? [] : [hierarchy.own];
}

function versionOne(hierarchy: Hierarchy | null): Hierarchy | null {
  return hierarchy?.version === 1 ? hierarchy : null;
}
