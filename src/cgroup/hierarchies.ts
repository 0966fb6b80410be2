import { readFileSync } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { v2 } from './files.ts';
import type { Hierarchies, Hierarchy, Layout } from './types.ts';

export type HierarchyTexts = Readonly<{
  /** The text of /proc/self/mountinfo. */
  mountinfo?: string;
  /** The text of /proc/self/cgroup. */
  selfCgroup?: string;
  /** The controllers of a v2 hierarchy, given its mount point; the default reads `cgroup.controllers` there. */
  controllersOf?: (directory: string) => readonly string[];
}>;

/**
 * The cgroup hierarchies that this process can reach by a path, and its own place in each.
 * @throws SetupError `no-proc` if /proc cannot be read. Source: cgroups(7), proc_pid_mountinfo(5).
 */
export function readHierarchies(texts: HierarchyTexts = {}): Hierarchies {
  const all = mountedHierarchies(texts);
  const versionOne = all.filter(({ version, controllers }) => version === 1 && controllers.some(isController));
  const unified = all.find(({ version }) => version === 2) ?? null;
  const holding = (controller: string): Hierarchy | null =>
    [...versionOne, unified].find((hierarchy) => hierarchy?.controllers.includes(controller)) ?? null;
  return {
    layout: layoutOf(versionOne.length > 0, unified !== null),
    memory: holding('memory'),
    unified,
    pids: holding('pids'),
  };
}

/** Every mounted hierarchy once, by its most useful mount; also named v1 ones (`name=systemd`). */
export function mountedHierarchies(texts: HierarchyTexts = {}): Hierarchy[] {
  const mounts = visibleMounts(parseMountinfo(texts.mountinfo ?? readProc('/proc/self/mountinfo')));
  const memberships = parseMemberships(texts.selfCgroup ?? readProc('/proc/self/cgroup'));
  return memberships.flatMap((membership) => {
    const candidates = mounts
      .filter((mount) => isMountOf(mount, membership))
      .map((mount) => describeMount(mount, membership, texts.controllersOf ?? readControllers));
    return candidates.toSorted((a, b) => usefulness(b) - usefulness(a)).slice(0, 1);
  });
}

/** The directory in `to` for the cgroup that `directory` shows in `from`; null if `to` does not reach it. */
export function sameCgroup(directory: string, from: Hierarchy, to: Hierarchy): string | null {
  if (!isWithin(directory, from.mountPoint)) return null;
  return directoryOf(joinPath(from.mountRoot, below(directory, from.mountPoint)), to.mountRoot, to.mountPoint);
}

/** The directory of a process's cgroup in a hierarchy; null if the process is gone or the mount does not show it. */
export function cgroupOf(pid: number, { controllers, version, mountRoot, mountPoint }: Hierarchy): string | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/cgroup`, 'utf8');
  } catch {
    return null;
  }
  const wanted = version === 2 ? '' : controllers.join(',');
  const membership = parseMemberships(text).find((one) => one.controllers.join(',') === wanted);
  return membership === undefined ? null : directoryOf(membership.path, mountRoot, mountPoint);
}

type Membership = Readonly<{ controllers: readonly string[]; path: string }>;

/** Lines are `id:controllers:path`; the path may contain colons. No controllers: the v2 hierarchy. */
function parseMemberships(text: string): Membership[] {
  return text.split('\n').flatMap((line) => {
    const match = /^\d+:([^:]*):(\/.*)$/.exec(line);
    if (match === null) return [];
    const [, controllers = '', path = '/'] = match;
    return [{ controllers: controllers === '' ? [] : controllers.split(','), path }];
  });
}

function isMountOf({ fsType, superOptions }: Mount, { controllers }: Membership): boolean {
  if (controllers.length === 0) return fsType === 'cgroup2';
  return fsType === 'cgroup' && controllers.every((controller) => superOptions.includes(controller));
}

type ControllersOf = (directory: string) => readonly string[];

function describeMount(mount: Mount, { controllers, path }: Membership, controllersOf: ControllersOf): Hierarchy {
  const own = directoryOf(path, mount.root, mount.mountPoint);
  const version = mount.fsType === 'cgroup2' ? 2 : 1;
  return {
    version,
    // Those at the top: the own cgroup may lack some of them, but the group need not be created there.
    controllers: version === 1 ? controllers : controllersOf(mount.mountPoint),
    mountPoint: mount.mountPoint,
    mountRoot: mount.root,
    own,
    readOnly: mount.options.includes('ro') || mount.superOptions.includes('ro'),
  };
}

/** Both paths start at the root of the cgroup namespace; `/..` is above it, where names are unavailable. */
function directoryOf(path: string, mountRoot: string, mountPoint: string): string | null {
  if (!isWithin(path, mountRoot)) return null;
  const inside = below(path, mountRoot);
  return inside.split('/').includes('..') ? null : joinPath(mountPoint, inside);
}

/** The rest of a path under a directory: `/a/b` below `/a` is `/b`; empty for the directory itself. */
function below(path: string, directory: string): string {
  const rest = directory === '/' ? path : path.slice(directory.length);
  return rest === '/' ? '' : rest;
}

/** Not path.join(), which would resolve the `..` of a mount root above the namespace. */
function joinPath(directory: string, inside: string): string {
  return directory === '/' ? inside || '/' : directory + inside;
}

function usefulness({ own, readOnly }: Hierarchy): number {
  return (own === null ? 0 : 2) + (readOnly ? 0 : 1);
}

function isController(name: string): boolean {
  return !name.startsWith('name=');
}

function layoutOf(versionOne: boolean, unified: boolean): Layout {
  if (versionOne) return unified ? 'hybrid' : 'v1';
  return unified ? 'v2' : 'none';
}

function readControllers(directory: string): string[] {
  try {
    return readFileSync(`${directory}/${v2.controllers}`, 'latin1').split(/\s+/).filter(Boolean);
  } catch {
    return [];
  }
}

function readProc(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    const reason = `${path} cannot be read (${errnoOf(error) ?? 'unknown error'})`;
    throw new SetupError('no-proc', reason, 'mount it: mount -t proc proc /proc', { cause: error });
  }
}

/** /proc/self/mountinfo as proc_pid_mountinfo(5) has it, reduced to what can be reached by its path. */

export type Mount = Readonly<{
  id: string;
  parent: string;
  /** The directory within the file system that is mounted. */
  root: string;
  mountPoint: string;
  fsType: string;
  options: readonly string[];
  superOptions: readonly string[];
}>;

/** Lines that are not mounts are skipped. */
export function parseMountinfo(text: string): Mount[] {
  return text.split('\n').flatMap((line) => parseLine(line) ?? []);
}

function parseLine(line: string): Mount | null {
  const fields = line.split(' ');
  const separator = fields.indexOf('-', 6);
  const [id, parent, , root, mountPoint, options] = fields;
  const [fsType, , superOptions] = separator < 0 ? [] : fields.slice(separator + 1);
  if (!id || !parent || !root || !mountPoint || !options || !fsType) return null;
  return {
    id,
    parent,
    root: unescapeOctal(root),
    mountPoint: unescapeOctal(mountPoint),
    fsType,
    options: options.split(','),
    superOptions: (superOptions ?? '').split(','),
  };
}

/** The kernel writes space, tab, newline and backslash as \040, \011, \012 and \134. */
function unescapeOctal(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)));
}

/** The mounts that their paths lead to: none hidden under another one. */
export function visibleMounts(mounts: readonly Mount[]): Mount[] {
  const ids = new Set(mounts.map((mount) => mount.id));
  const children = Map.groupBy(mounts, ({ id, parent }) => (ids.has(parent) && parent !== id ? parent : ''));
  return mounts.filter((mount) => resolve(mount.mountPoint, children) === mount);
}

/** Walks down the mount tree as the kernel does: into the mount that is met first on the way to the path. */
function resolve(path: string, children: ReadonlyMap<string, readonly Mount[]>): Mount | null {
  const passed = new Set<Mount>();
  let current: Mount | null = null;
  for (;;) {
    const next = firstMet(path, children.get(current === null ? '' : current.id) ?? []);
    if (next === null || passed.has(next)) return current;
    passed.add(next);
    current = next;
  }
}

/** Of mounts on the same spot the later one lies on top. */
function firstMet(path: string, mounts: readonly Mount[]): Mount | null {
  let first: Mount | null = null;
  for (const mount of mounts) {
    const nearer = first === null || mount.mountPoint.length <= first.mountPoint.length;
    if (nearer && isWithin(path, mount.mountPoint)) first = mount;
  }
  return first;
}

/** True if `path` is `directory` or under it; both absolute and without a slash at the end. */
export function isWithin(path: string, directory: string): boolean {
  return path === directory || directory === '/' || path.startsWith(`${directory}/`);
}
