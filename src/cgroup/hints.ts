/** How a user who is not root obtains a cgroup: hints for errors, in commands that can be typed as they are. */

import { existsSync, statSync } from 'node:fs';
import { readOrNull } from '../host/read-file.ts';
import { shellLine } from '../text/quote.ts';
import { handsDown } from './delegate.ts';
import { PROCS, v2 } from './files.ts';
import { readSurroundings } from './surroundings.ts';
import type { Hierarchies, Hierarchy } from './types.ts';

/** Needs no cgroup on the machine, and no privilege. */
const MICROVM = 'or run in a microVM, which needs no privilege: --kernel NAME (kmem-run kernel add 6.12)';

/** For when creating a group requires more rights than this user has. */
export function hintWithoutRoot(hierarchy: Hierarchy, within: string): string {
  return `${hierarchy.version === 1 ? ownDirectory(within) : ownSubtree(hierarchy)}; ${MICROVM}; or run as root`;
}

/** The same for v1's pids hierarchy, where `directory` corresponds to the `parent` named in the memory hierarchy. */
export function hintForPids(directory: string): string {
  return `${makeOwn([directory])}; or leave out --pids`;
}

/** For when no parent was named: one in each, `memory` and `pids` being the runner's own cgroups. */
export function hintForMemoryAndPids(memory: string, pids: string): string {
  const own = (within: string) => `${within}/kmem-${uid()}`;
  return `${makeOwn([own(memory), own(pids)])}, then name the first: --parent ${own(memory)}; or leave out --pids`;
}

/** On v1 a directory is enough: its creator owns what is created in it, and a process may be moved by its owner. */
function ownDirectory(within: string): string {
  const directory = `${within}/kmem-${uid()}`;
  return `${makeOwn([directory])}, then name it: --parent ${directory}`;
}

function makeOwn(directories: readonly string[]): string {
  return `create a directory that you own: sudo install -d -o ${uid()} ${shellLine(directories)}`;
}

function ownSubtree(hierarchy: Hierarchy): string {
  return existsSync('/run/systemd/system') ? ownScope() : handedOver(hierarchy);
}

/** For the user's own manager, to which systemd delegates a subtree. */
function ownScope(): string {
  // After su the variable may still name another user's directory.
  const given = process.env.XDG_RUNTIME_DIR;
  const runtime = given && statSync(given, { throwIfNoEntry: false })?.uid === uid() ? given : null;
  const folder = runtime ?? `/run/user/${uid()}`;
  const start = existsSync(`${folder}/systemd/private`) ? '' : `sudo systemctl start user@${uid()}.service && `;
  const variable = runtime === null ? `XDG_RUNTIME_DIR=${folder} ` : '';
  return `run it in a scope of your own: ${start}${variable}systemd-run --user --scope -p Delegate=yes kmem-run …`;
}

/**
 * The files that cgroup-v2.rst names under "Model of Delegation". The shell is moved as well: moving a process requires
 * write access to the common ancestor of its old and new cgroups.
 */
function handedOver({ mountPoint }: Hierarchy): string {
  const directory = `${mountPoint}/kmem-${uid()}`;
  const files = ['', `/${PROCS}`, `/${v2.subtreeControl}`, '/shell', `/shell/${PROCS}`].map((file) => directory + file);
  const commands = [
    ...(handsDown(mountPoint, 'memory') ? [] : [`echo +memory +pids >${mountPoint}/${v2.subtreeControl}`]),
    `mkdir -p ${directory}/shell`,
    `chown ${uid()} ${files.join(' ')}`,
    // Filled in by the shell in which it is typed: this process's parent may be one that npx has started.
    `echo '$$' >${directory}/shell/${PROCS}`,
  ];
  return `delegate a cgroup to yourself and move this shell there: sudo sh -c '${commands.join(' && ')}'`;
}

function uid(): number {
  return process.geteuid?.() ?? 0;
}

/** Null: the kernel does not list it, as when it supports it for v2 alone (Linux 6.14). */
type Listed = Readonly<{ onVersionOne: boolean; enabled: boolean }> | null;

type Why = Readonly<{ found: string; remedy: string }>;

const DEFAULT_MOUNT = { 1: '/sys/fs/cgroup/memory', 2: '/sys/fs/cgroup' } as const;

export function whyNoMemory({ layout, unified }: Hierarchies, cgroups = readOrNull('/proc/cgroups') ?? ''): Why {
  const listed = readListed(cgroups);
  const seen = layout === 'none' ? 'no cgroup file system is mounted' : `the cgroup layout is ${layout}`;
  if (listed?.enabled === false) {
    return {
      found: `${seen}, and the controller is disabled in the kernel`,
      remedy: 'boot with cgroup_enable=memory and without cgroup_disable=memory',
    };
  }
  if (listed?.onVersionOne === true) return { found: `${seen}, and the controller is on v1`, remedy: mounting(1) };
  if (unified === null) return { found: seen, remedy: mounting(2) };
  return { found: `${seen}, and the controller is not delegated to ${unified.mountPoint}`, remedy: handingDown() };
}

/** The shell command that mounts it. */
export function mountWords(version: 1 | 2, directory: string = DEFAULT_MOUNT[version]): string {
  const type = version === 1 ? 'cgroup -o memory cgroup' : 'cgroup2 cgroup2';
  return `mkdir -p ${directory} && mount -t ${type} ${directory}`;
}

function mounting(version: 1 | 2): string {
  const mount = `mount it: ${mountWords(version)}`;
  if (readSurroundings().namespaces.length === 0) return mount;
  const host = '-v /sys/fs/cgroup:/sys/fs/cgroup:rw --cgroupns=host';
  return `${mount}; or start the container with the host's (docker, podman: ${host}; bwrap: --bind /sys/fs/cgroup /sys/fs/cgroup)`;
}

function handingDown(): string {
  const above = 'echo +memory >cgroup.subtree_control in each cgroup above it, starting at the root';
  if (readSurroundings().namespaces.length === 0) return `as root: ${above}`;
  return `on the host, as root: ${above} (systemd: Delegate=memory for the unit of the container, for user@.service where the engine is rootless)`;
}

function readListed(cgroups: string): Listed {
  const [, hierarchy, , enabled] = /^memory\t(\d+)\t(\d+)\t(\d+)$/m.exec(cgroups) ?? [];
  return hierarchy === undefined ? null : { onVersionOne: hierarchy !== '0', enabled: enabled !== '0' };
}
