/**
 * The user's own folders: the cache for what can be made again (V8's compile cache, the helper of a packed install), the
 * state for what is to be kept (the store of results). Code is loaded and run from the cache, and results are nobody
 * else's business: either is used only where nobody but the user (or root) can write.
 */

import { lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs';
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

/** Why somebody else could replace what is in this directory, or null if nobody can. */
function weakness(directory) {
  for (let at = realpathSync(directory); ; at = dirname(at)) {
    const stat = lstatSync(at);
    if (stat.uid !== process.geteuid() && stat.uid !== 0) {
      return `${at} belongs to uid ${stat.uid}`;
    }

    // In a sticky directory (/tmp) only the owner of an entry can rename or remove it.
    if (othersCanWrite(stat) && (stat.mode & STICKY) === 0) {
      return `others can write ${at}`;
    }

    if (at === dirname(at)) {
      return null;
    }
  }
}

function isAbsent(path) {
  try {
    lstatSync(path);
    return false;
  } catch (error) {
    return error.code === 'ENOENT';
  }
}

function nearestExisting(path) {
  return isAbsent(path) ? nearestExisting(dirname(path)) : path;
}

/**
 * Makes a folder, with those above it, as mkdir -p does. Node's own `recursive` never returns where the parent is there and
 * the kernel says ENOENT all the same, as /proc does. Throws what mkdir(2) says.
 */
export function makeFolder(folder, mode = 0o777) {
  const parent = dirname(folder);
  if (isAbsent(parent)) {
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

/** Makes `folder` with mode 0700 if need be; returns why it cannot be trusted, or null if it can. */
function makePrivate(folder) {
  try {
    // Looked at before anything is made: root must not leave a folder of its own in another user's home.
    const before = weakness(nearestExisting(folder));
    if (before !== null) {
      return before;
    }

    makeFolder(folder, 0o700);
    const { uid, mode } = lstatSync(folder);
    if (uid !== process.geteuid()) {
      return `${folder} belongs to uid ${uid}`;
    }

    return (mode & (WORLD_WRITE | GROUP_WRITE)) === 0 ? weakness(folder) : `others can write ${folder}`;
  } catch (error) {
    return error.message;
  }
}

function findFolder(candidates) {
  let reason = null;
  for (const base of candidates) {
    const folder = join(base, 'kmem-run');
    const refusal = makePrivate(folder);
    if (refusal === null) {
      return { folder, reason: null };
    }

    reason = reason === null ? refusal : reason;
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

/** Whether `file` is a plain file that the user owns and nobody else can write. */
export function isPrivateFile(file) {
  try {
    const stat = lstatSync(file);
    return stat.isFile() && stat.uid === process.geteuid() && (stat.mode & (WORLD_WRITE | GROUP_WRITE)) === 0;
  } catch {
    return false;
  }
}
