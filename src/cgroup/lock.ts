import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  type Stats,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { posix } from 'node:path';
import { makerMark, makerOf } from '../../bin/maker.js';
import { errnoOf, SetupError } from '../errors.ts';
import { shellWord } from '../text/quote.ts';
import { groupName } from './types.ts';

/**
 * A run's lock shows whether its runner is alive; a pid might have been reused by now. The file is created here; the
 * native helper takes the flock(2) on the inherited descriptor before the group's directory is created, so that a
 * directory whose lock is free has lost its runner.
 */
export type Lock = Readonly<{
  fd: number;
  path: string;
  /**
   * Closes the descriptor and removes the file, unless part of the run's `group` is left: then the file, which nobody
   * has locked, tells gc that the run is over.
   */
  release(group?: Readonly<{ directories: readonly string[] }> | null): void;
}>;

/** The lock file of a run of user `uid`, as that user's runner creates it in an environment like this one. */
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

/** A directory for one user's lock files, held open: its path may lead elsewhere by the time a file is removed. */
export type LockFolder = Readonly<{
  /** The path of a lock file, for this process and its children, even if the directory has been renamed. */
  of: (file: string) => string;
  close: () => void;
}>;

/** Every directory that may contain locks of runs of user `uid`, whatever their environment was. */
export function openLockFolders(uid: number): LockFolder[] {
  const others = uid === 0 ? [] : [`/run/user/${uid}/kmem-run`, temporaryDirectory(uid)];
  return [...new Set([lockDirectory(uid), ...others])].flatMap((directory) => {
    const opened = openFolder(directory, uid);
    return typeof opened === 'string' ? [] : [opened];
  });
}

/** Where the lock of a run may be: only regular files, since root probes these, and a FIFO would block it. */
export function lockCandidates(id: string, folders: readonly LockFolder[]): string[] {
  return folders.map(({ of }) => of(fileOf(id))).filter((path) => statOf(path, lstatSync)?.isFile() ?? true);
}

/** Creates and opens the lock file, close-on-exec. The file names its maker. @throws SetupError `no-lock`. */
export function openLock(id: string): Lock {
  const uid = userId();
  const directory = lockDirectory(uid);
  const path = lockFile(directory, id);
  let folder: LockFolder | null = null;
  try {
    makeDirectory(directory);
    const opened = openFolder(directory, uid);
    if (typeof opened === 'string') throw noLock(`${directory} ${opened}`, `remove it: rm -r ${shellWord(directory)}`);
    folder = opened;
    const { O_CREAT, O_EXCL, O_NOFOLLOW, O_RDWR } = constants;
    const fd = openSync(folder.of(fileOf(id)), O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
    writeSync(fd, makerMark());
    return openedLock({ fd, path, folder, file: fileOf(id) });
  } catch (error) {
    folder?.close();
    if (error instanceof SetupError) throw error;
    const hint = `make ${posix.dirname(directory)} a writable directory with free space`;
    throw noLock(`cannot make the lock file ${path} (${errnoOf(error) ?? 'unknown error'})`, hint, error);
  }
}

type Opened = Readonly<{ fd: number; path: string; folder: LockFolder; file: string }>;

function openedLock({ fd, path, folder, file }: Opened): Lock {
  let open = true;
  const release: Lock['release'] = (group = null) => {
    if (!open) return;
    open = false;
    // Removed while still locked, so that nobody finds it free.
    try {
      if (!group?.directories.some((directory) => existsSync(directory))) removeLock(folder.of(file));
    } finally {
      closeSync(fd);
      folder.close();
    }
  };
  return { fd, path, release };
}

/** Whether the process that made this lock file was killed; null: unknown. */
export function isForsaken(path: string): boolean | null {
  let fd: number | null = null;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const maker = makerOf(`${readFileSync(fd, 'latin1')}lock`);
    return maker === 'unknown' || maker === null ? null : maker === 'gone';
  } catch {
    return null;
  } finally {
    if (fd !== null) closeSync(fd);
  }
}

/** Removes a lock file; not an error if it is already gone. */
export function removeLock(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
}

function lockFile(directory: string, id: string): string {
  return posix.join(directory, fileOf(id));
}

/** @throws RangeError for an id that could lead out of the directory. */
function fileOf(id: string): string {
  groupName(id);
  return `${id}.lock`;
}

/** Or why the directory is not trusted. */
function openFolder(directory: string, uid: number): LockFolder | string {
  const { O_DIRECTORY, O_NOFOLLOW, O_RDONLY } = constants;
  let fd: number;
  try {
    fd = openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EACCES') return refusal(statOf(directory, lstatSync), uid) ?? 'is not readable';
    return errno === 'ENOENT' ? 'does not exist' : 'is not a directory';
  }
  const reason = refusal(fstatSync(fd), uid);
  const close = (): void => closeSync(fd);
  if (reason === null) return { of: (file) => `/proc/${process.pid}/fd/${fd}/${file}`, close };
  close();
  return reason;
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

/** Why a lock directory is not trusted (another user could make a live run look dead); null: it is. */
function refusal(stat: Stats | null, uid: number): string | null {
  if (stat === null) return 'does not exist';
  if (!stat.isDirectory()) return 'is not a directory';
  if (stat.uid !== uid) return `belongs to user ${stat.uid}`;
  return (stat.mode & 0o077) === 0 ? null : 'is accessible to other users';
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
