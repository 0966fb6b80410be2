/**
 * The user's own folders: the cache for what can be made again (V8's compile cache, the helper of a packed install), the
 * state for what is to be kept (the store of results). Code is loaded and run from the cache, and results are nobody
 * else's business: either is used only where nobody but the user (or root) can write.
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
  // A private group (gid equal to uid) has no member but the user: a umask of 002 is common with those.
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
 * An existing absolute path without its links, if nobody but root, the user and whom `isTrusted` accepts can change what
 * it leads to: then it leads to the same whenever it is used. Throws an Error that says who can, or that it is not there.
 */
export function trustedPath(path, isTrusted = isOwn) {
  const { at, missing } = walk('/', path, isTrusted);
  if (missing.length > 0) throw new Error(`${join(at, missing[0])} does not exist`);
  return at;
}

/**
 * Makes a folder, with those above it, as mkdir -p does. Node's own `recursive` never returns where the parent is there and
 * the kernel says ENOENT all the same, as /proc does. Throws what mkdir(2) says.
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

/** Makes a folder with mode 0700 if need be, and returns its path without links. Throws an Error if others can change it. */
export function makePrivate(folder) {
  // Looked at before anything is made: root must not leave a folder of its own in another user's home.
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
 * The private folder `kmem-run` in the user's cache, made if need be. `folder` is null if there is none that can be
 * trusted; `reason` then says why the first candidate was refused. Never throws.
 */
export function findCacheFolder() {
  return findFolder(bases('XDG_CACHE_HOME', '.cache', { insist: false }));
}

/** The same in the user's state folder. What is kept must not end up elsewhere than XDG_STATE_HOME says. */
export function findStateFolder() {
  return findFolder(bases('XDG_STATE_HOME', join('.local', 'state'), { insist: true }));
}

function isPrivate(stat) {
  return stat.isFile() && stat.uid === process.geteuid() && (stat.mode & (WORLD_WRITE | GROUP_WRITE)) === 0;
}

/** Whether `file`, in a folder that only the user can change, is a plain file that nobody else can write. */
export function isPrivateFile(file) {
  try {
    return isPrivate(lstatSync(file));
  } catch {
    return false;
  }
}

/** The contents of such a file; undefined if it is none, or cannot be read. */
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
