/** /proc/self/mountinfo as proc_pid_mountinfo(5) has it, reduced to what can be reached by its path. */

export type Mount = Readonly<{
  id: string;
  parent: string;
  /** The directory of the file system that is mounted. */
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

/** The mounts that their path leads to: not those hidden under another one. */
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
