/** The interface between what a run needs from a cgroup and how v1, hybrid and v2 provide it. */

export type Layout = 'v1' | 'hybrid' | 'v2' | 'none';

export type Hierarchy = Readonly<{
  version: 1 | 2;
  controllers: readonly string[];
  mountPoint: string;
  /** The cgroup that the mount shows at its mount point: `/`, or a deeper one in containers. */
  mountRoot: string;
  /** Absolute directory of the calling process's own cgroup; null: this mount does not show it. */
  own: string | null;
  /** The mount is read-only (common in containers). */
  readOnly: boolean;
}>;

export type Hierarchies = Readonly<{
  layout: Layout;
  memory: Hierarchy | null;
  /** The v2 hierarchy, which has kill, freeze and events; null on pure v1. */
  unified: Hierarchy | null;
  pids: Hierarchy | null;
}>;

/** A run's directories as found: a half-removed or leftover group may lack any of them. */
export type GroupDirectories = Readonly<{
  id: string;
  /** `kmem-run.<id>` */
  name: string;
  memory: string | null;
  unified: string | null;
  pids: string | null;
  /** The distinct ones of the above, in order of creation. */
  directories: readonly string[];
}>;

/** The ephemeral cgroup of one run: absolute directories, null if the run does not join that hierarchy. */
export type Group = GroupDirectories &
  Readonly<{
    memory: string;
    /** The directory with v1's files for kernel memory: on v1 that of the group; on v2 null, unless a module has them. */
    kmem: string | null;
    /** The memory hierarchy's version. On 2 the processes are in leaves of the group: see leaves.ts. */
    version: 1 | 2;
  }>;

/** Bytes; null if the kernel keeps no such figure or it could not be read. Never 0 as a stand-in. */
export type CounterReading = Readonly<{
  usage: number | null;
  maxUsage: number | null;
  failcnt: number | null;
}>;

export type GroupReading = Readonly<{
  /** On v2 the kernel does not record peak kernel memory, and does not count refusals. */
  kmem: CounterReading;
  mem: CounterReading & Readonly<{ oomKills: number | null }>;
  /** Null: no swap accounting. */
  memsw: CounterReading | null;
  kmemTcp: CounterReading | null;
  /** Null: the group did not join a pids hierarchy. */
  pids: Readonly<{ current: number | null; max: number | null; failcnt: number | null }> | null;
}>;

/** How a run's directories are recognised. */

const PREFIX = 'kmem-run.';

const ID = /^[A-Za-z0-9_-]{1,64}$/;

/** `kmem-run.<id>`. @throws RangeError for an id that could not be recovered from a directory's name. */
export function groupName(id: string): string {
  if (!ID.test(id)) throw new RangeError(`not a run id: ${JSON.stringify(id)}`);
  return PREFIX + id;
}

/** The run's id; null if that is not the name of a run's directory. */
export function idOf(name: string): string | null {
  const id = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : '';
  return ID.test(id) ? id : null;
}
