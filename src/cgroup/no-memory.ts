/** Why there is no memory controller to be seen, and what to do: by what the kernel says of its controllers. */

import { readOrNull } from './files.ts';
import { readSurroundings } from './surroundings.ts';
import type { Hierarchies } from './types.ts';

/** Null: the kernel does not list it, as those do that have it for v2 alone (Linux 6.14). */
type Listed = Readonly<{ onVersionOne: boolean; enabled: boolean }> | null;

type Why = Readonly<{ found: string; remedy: string }>;

const DEFAULT_MOUNT = { 1: '/sys/fs/cgroup/memory', 2: '/sys/fs/cgroup' } as const;

export function whyNoMemory({ layout, unified }: Hierarchies, cgroups = readOrNull('/proc/cgroups') ?? ''): Why {
  const listed = readListed(cgroups);
  const seen = layout === 'none' ? 'no cgroup file system is mounted' : `the cgroup layout is ${layout}`;
  if (listed?.enabled === false) {
    return {
      found: `${seen}, and the controller is switched off in the kernel`,
      remedy: 'boot with cgroup_enable=memory and without cgroup_disable=memory',
    };
  }
  if (listed?.onVersionOne === true) return { found: `${seen}, and the controller is on v1`, remedy: mounting(1) };
  if (unified === null) return { found: seen, remedy: mounting(2) };
  return { found: `${seen}, and ${unified.mountPoint} has not been handed the controller`, remedy: handingDown() };
}

/** What a shell is told to mount it. */
export function mountWords(version: 1 | 2, directory: string = DEFAULT_MOUNT[version]): string {
  const type = version === 1 ? 'cgroup -o memory cgroup' : 'cgroup2 cgroup2';
  return `mkdir -p ${directory} && mount -t ${type} ${directory}`;
}

function mounting(version: 1 | 2): string {
  const mount = `mount it: ${mountWords(version)}`;
  if (readSurroundings().namespaces.length === 0) return mount;
  const host = '-v /sys/fs/cgroup:/sys/fs/cgroup:rw --cgroupns=host';
  return `${mount}; or start the container with that of the host (docker, podman: ${host}; bwrap: --bind /sys/fs/cgroup /sys/fs/cgroup)`;
}

function handingDown(): string {
  const above = 'echo +memory >cgroup.subtree_control in each cgroup above it, from the root on';
  if (readSurroundings().namespaces.length === 0) return `as root: ${above}`;
  return `on the host, as root: ${above} (systemd: Delegate=memory for the unit of the container, for user@.service where the engine is rootless)`;
}

function readListed(cgroups: string): Listed {
  const [, hierarchy, , enabled] = /^memory\t(\d+)\t(\d+)\t(\d+)$/m.exec(cgroups) ?? [];
  return hierarchy === undefined ? null : { onVersionOne: hierarchy !== '0', enabled: enabled !== '0' };
}
