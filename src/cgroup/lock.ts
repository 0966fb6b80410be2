import { closeSync, constants, lstatSync, mkdirSync, openSync, type Stats, statSync, unlinkSync } from 'node:fs';
import { posix } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { groupName } from './types.ts';

/**
 * A run's lock tells whether its runner lives, where a pid could be another process's by now. The file is made here;
 * the native helper takes the flock(2) on the inherited descriptor before the group's directory is made, so that
 * a directory whose lock is free has lost its runner.
 */
export type Lock = Readonly<{
  fd: number;
  path: string;
  /** Removes the file and closes the descriptor. */
  release(): void;
}>;

/** The file of a run of user `uid`, as that user's runner makes it if its environment is this one. */
export function lockPath(id: string, uid: number = userId()): string {
  return lockFile(lockDirectory(uid), id);
}

/** The directory of a user's lock files. */
export function lockDirectory(uid: number): string {
  if (uid === 0) return '/run/kmem-run';
  const runtime = process.env.XDG_RUNTIME_DIR;
  // After su or sudo the variable may still name another user's directory.
  if (runtime && posix.isAbsolute(runtime) && statOf(runtime)?.uid === uid) return posix.join(runtime, 'kmem-run');
  return temporaryDirectory(uid);
}

/**
 * Every path where the lock of a run of user `uid` may be, in whatever environment that began. Only in directories that
 * are that user's alone, and nothing but regular files: root probes these, and a FIFO would hold it up.
 */
export function lockCandidates(id: string, uid: number): string[] {
  const others = uid === 0 ? [] : [`/run/user/${uid}/kmem-run`, temporaryDirectory(uid)];
  const directories = [...new Set([lockDirectory(uid), ...others])];
  return directories
    .filter((directory) => refusal(directory, uid) === null)
    .map((directory) => lockFile(directory, id))
    .filter((path) => statOf(path, lstatSync)?.isFile() ?? true);
}

/** Makes the lock file and opens it, close-on-exec. @throws SetupError `no-lock`. */
export function openLock(id: string): Lock {
  const uid = userId();
  const directory = lockDirectory(uid);
  const path = lockFile(directory, id);
  try {
    makeDirectory(directory);
    const reason = refusal(directory, uid);
    if (reason !== null) throw noLock(`${directory} ${reason}`, `remove it: rm -r ${directory}`);
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
    return openedLock(openSync(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600), path);
  } catch (error) {
    if (error instanceof SetupError) throw error;
    const hint = `make ${posix.dirname(directory)} a writable directory with room in it`;
    throw noLock(`cannot make the lock file ${path} (${errnoOf(error) ?? 'unknown error'})`, hint, error);
  }
}

function openedLock(fd: number, path: string): Lock {
  let open = true;
  const release = (): void => {
    if (!open) return;
    open = false;
    // While it is still locked, so that nobody finds it free.
    try {
      removeLock(path);
    } finally {
      closeSync(fd);
    }
  };
  return { fd, path, release };
}

/** Removes a lock file; that it is gone already is fine. */
export function removeLock(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function lockFile(directory: string, id: string): string {
  groupName(id);
  return posix.join(directory, `${id}.lock`);
}

function temporaryDirectory(uid: number): string {
  return `/tmp/kmem-run-${uid}`;
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

/** Why a lock directory is not to be trusted (another user could make a live run look dead); null: it is. */
function refusal(directory: string, uid: number): string | null {
  const stat = statOf(directory, lstatSync);
  if (stat === null) return 'is not there';
  if (!stat.isDirectory()) return 'is not a directory';
  if (stat.uid !== uid) return `belongs to user ${stat.uid}`;
  return (stat.mode & 0o077) === 0 ? null : 'is open to other users';
}

function statOf(path: string, read: (path: string) => Stats = statSync): Stats | null {
  try {
    return read(path);
  } catch {
    return null;
  }
}

function userId(): number {
  return process.geteuid?.() ?? 0;
}

function noLock(message: string, hint: string, cause?: unknown): SetupError {
  return new SetupError('no-lock', message, hint, { cause });
}
