/**
 * The user's own folders: the cache for what can be recreated (V8's compile cache, the helper of a packed install), the
 * state folder for what must be kept (the store of results). Code is loaded and run from the cache, and results are
 * private: each is used only if nobody but the user (or root) can write to it.
 */

import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  readlinkSync,
  statSync,
} from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { dirname, isAbsolute, join } from 'node:path';

const WORLD_WRITE = 0o002;
const GROUP_WRITE = 0o020;
const STICKY = 0o1000;

/** The base folders in order: XDG Base Directory Specification, then the home folder that the user database names. */
function* bases(variable, inHome, { insist }) {
  const xdg = process.env[variable];
  if (xdg !== undefined && isAbsolute(xdg)) {
    yield xdg;
    if (insist) {
      return;
    }
  }

  if (isAbsolute(homedir())) {
    yield join(homedir(), inHome);
  }

  // Under `sudo -E` HOME is another user's.
  try {
    yield join(userInfo().homedir, inHome);
  } catch {
    // This uid has no entry in the user database.
  }
}

function othersCanWrite({ mode, gid }) {
  // A private group (gid equal to uid) has the user as its only member: a umask of 002 is common with these.
  const privateGroup = gid === process.getegid() && gid === process.geteuid();
  return (mode & WORLD_WRITE) !== 0 || ((mode & GROUP_WRITE) !== 0 && !privateGroup);
}

const MOST_LINKS = 40;

/** Follows a path from its beginning, so that each name is looked up in a folder that nobody else can change. */
function walk(start, path, isTrusted, links = 0) {
  if (links > MOST_LINKS) throw new Error(`${path}: too many symbolic links`);
  let at = isAbsolute(path) ? '/' : start;
  const names = path.split('/').filter((name) => name !== '' && name !== '.');
  check('/', lstatSync('/'), isTrusted);
  for (const [index, name] of names.entries()) {
    const next = name === '..' ? dirname(at) : join(at, name);
    const stat = lstatSync(next, { throwIfNoEntry: false });
    if (stat === undefined) return { at, missing: names.slice(index) };
    check(next, stat, isTrusted);
    if (stat.isSymbolicLink()) {
      const target = walk(at, readlinkSync(next), isTrusted, links + 1);
      if (target.missing.length > 0) throw new Error(`${next} is a link to nothing`);
      at = target.at;
    } else at = next;
  }

  return { at, missing: [] };
}

function check(path, stat, isTrusted) {
  if (!isTrusted(stat.uid)) throw new Error(`${path} belongs to uid ${stat.uid}`);
  // In a sticky directory (/tmp) only the owner of an entry can rename or remove it. A link has no mode of its own.
  if (!stat.isSymbolicLink() && othersCanWrite(stat) && (stat.mode & STICKY) === 0) {
    throw new Error(`others can write ${path}`);
  }
}

function isOwn(uid) {
  return uid === process.geteuid() || uid === 0;
}

/**
 * An existing absolute path with its links resolved, if nobody but root, the user and whoever `isTrusted` accepts can
 * change what it leads to: then it always leads to the same place. Throws an Error that names who can, or says that the
 * path does not exist.
 */
export function trustedPath(path, isTrusted = isOwn) {
  const { at, missing } = walk('/', path, isTrusted);
  if (missing.length > 0) throw new Error(`${join(at, missing[0])} does not exist`);
  return at;
}

/**
 * Creates a folder and its parents, as mkdir -p does. Node's own `recursive` never returns if the parent exists and the
 * kernel still reports ENOENT, as in /proc. Throws the error of mkdir(2).
 */
export function makeFolder(folder, mode = 0o777) {
  const parent = dirname(folder);
  if (lstatSync(parent, { throwIfNoEntry: false }) === undefined) {
    makeFolder(parent, mode);
  }

  try {
    mkdirSync(folder, { mode });
  } catch (error) {
    if (error.code !== 'EEXIST' || !statSync(folder).isDirectory()) {
      throw error;
    }
  }
}

/**
 * Creates a folder with mode 0700 if necessary, and returns its path without links. Throws an Error if others can
 * change it.
 */
export function makePrivate(folder) {
  // Checked before anything is created: root must not leave a folder of its own in another user's home.
  let { at, missing } = walk('/', folder, isOwn);
  for (const name of missing) {
    at = join(at, name);
    makeFolder(at, 0o700);
  }

  const path = trustedPath(folder);
  const stat = lstatSync(path);
  if (stat.uid !== process.geteuid()) throw new Error(`${path} belongs to uid ${stat.uid}`);
  if (othersCanWrite(stat)) throw new Error(`others can write ${path}`);
  return path;
}

function findFolder(candidates) {
  let reason = null;
  for (const base of candidates) {
    try {
      return { folder: makePrivate(join(base, 'kmem-run')), reason: null };
    } catch (error) {
      reason = reason === null ? error.message : reason;
    }
  }

  return { folder: null, reason };
}

/**
 * The private folder `kmem-run` in the user's cache, created if necessary. `folder` is null if none can be trusted;
 * `reason` then says why the first candidate was rejected. Never throws.
 */
export function findCacheFolder() {
  return findFolder(bases('XDG_CACHE_HOME', '.cache', { insist: false }));
}

/** The same in the user's state folder. Saved results must not end up anywhere but where XDG_STATE_HOME says. */
export function findStateFolder() {
  return findFolder(bases('XDG_STATE_HOME', join('.local', 'state'), { insist: true }));
}

function isPrivate(stat) {
  return stat.isFile() && stat.uid === process.geteuid() && (stat.mode & (WORLD_WRITE | GROUP_WRITE)) === 0;
}

/** Whether `file`, in a folder that only the user can change, is a regular file that nobody else can write. */
export function isPrivateFile(file) {
  try {
    return isPrivate(lstatSync(file));
  } catch {
    return false;
  }
}

/** The contents of such a file; undefined if it is not one, or cannot be read. */
export function readPrivateFile(file) {
  let fd = null;
  try {
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    return isPrivate(fstatSync(fd)) ? readFileSync(fd) : undefined;
  } catch {
    return undefined;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}
