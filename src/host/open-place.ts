/**
 * The place of a file to be written: its folder, held open, and its name in that folder. No name is looked up twice, so
 * that nobody who can change a folder on the path can redirect the write in between. Node has no openat(2): a path
 * through /proc/self/fd replaces it.
 */

import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  lstatSync,
  mkdirSync,
  openSync,
  readlinkSync,
  type Stats,
  statfsSync,
  statSync,
} from 'node:fs';
import { errnoOf } from '../errors.ts';
import { fsPath, textOf } from '../text/bytes.ts';
import { absolute } from './own-process.ts';

export type Place = Readonly<{
  /** The path of the folder's entry; it stays valid whatever happens to the folder's own name. */
  path: string;
  /** Path of another entry in the same folder. */
  beside: (name: string) => string;
  /** The existing entry; null if there is none. For an open file in /proc, the link to it. */
  existing: Stats | null;
  /** In /proc a link is an open file, not a name. */
  isOpenFile: boolean;
  /** Throws an Error with code `EPERM` if another user's link on the path led root to a file that is not theirs. */
  check: (found: Stats) => void;
  close: () => void;
}>;

const MOST_LINKS = 40;
const WORLD_WRITE = 0o002;
const OTHERS_WRITE = 0o022;
const PROC_SUPER_MAGIC = 0x9fa0;
/** Not among Node's constants. Source: include/uapi/asm-generic/fcntl.h; x86 and arm64 have no other. */
const O_PATH = 0o10000000;

/** Throws the system's error. `makesFolders`: create missing folders on the path. */
export function openPlace(path: string, { makesFolders = false }: { makesFolders?: boolean } = {}): Place {
  let folder = openFolder('/', true);
  let isClosed = false;
  const close = (): void => {
    if (!isClosed) closeSync(folder);
    isClosed = true;
  };
  const enter = (entry: string, follows: boolean): void => {
    const next = openFolder(entry, follows);
    closeSync(folder);
    folder = next;
  };
  const beside = (name: string): string => `/proc/self/fd/${folder}/${name}`;
  /** Other users whose links were followed. */
  const others = new Set<number>();
  try {
    const names = split(absolute(path));
    for (let links = 0; ; ) {
      const name = names.shift();
      if (name === undefined) throw Object.assign(new Error(), { code: 'EISDIR' });
      const entry = beside(name);
      const existing = lstatSync(fsPath(entry), { throwIfNoEntry: false }) ?? null;
      const isProc = existing?.isSymbolicLink() === true && isProcFolder(folder);
      if (existing?.isSymbolicLink() && !isProc) {
        links += 1;
        if (links > MOST_LINKS) throw Object.assign(new Error(), { code: 'ELOOP' });
        const owner = ownerOfLink(fstatSync(folder), existing);
        if (owner !== null) others.add(owner);
        const target = textOf(readlinkSync(fsPath(entry), { encoding: 'buffer' }));
        if (target.startsWith('/')) enter('/', true);
        names.unshift(...split(target));
      } else if (names.length === 0 && name !== '..') {
        const check = (found: Stats): void => refuseOthers(others, found);
        check(existing === null || isProc ? fstatSync(folder) : existing);
        return { path: entry, beside, existing, isOpenFile: isProc, check, close };
      } else {
        if (existing === null && makesFolders) {
          refuseOthers(others, fstatSync(folder));
          makeFolder(entry);
        }
        enter(entry, isProc);
      }
    }
  } catch (error) {
    close();
    throw error;
  }
}

/**
 * Opens a file for appending; creates it if necessary, and empties it if `truncate`. A file that is not regular is
 * opened as it is, and a pipe only if it has a reader: a process that waits in open(2) does not respond to Ctrl-C.
 * Throws as openPlace() does.
 */
export function openToAppend(path: string, { truncate }: Readonly<{ truncate: boolean }>): number {
  const place = openPlace(path);
  try {
    const flags = appendFlags(place);
    const { O_CREAT, O_NONBLOCK } = constants;
    const fd = openSync(fsPath(place.path), flags | O_NONBLOCK | (place.existing === null ? O_CREAT : 0), 0o666);
    let isKept = false;
    try {
      checkOpened(place, fd, { truncate });
      isKept = fstatSync(fd).isFile();
      // The caller expects a blocking descriptor.
      return isKept ? fd : openSync(`/proc/self/fd/${fd}`, flags & ~constants.O_NOFOLLOW);
    } finally {
      if (!isKept) closeSync(fd);
    }
  } catch (error) {
    if (errnoOf(error) === 'ENXIO' && place.existing?.isFIFO()) throw new Error('this pipe has no reader');
    throw error;
  } finally {
    place.close();
  }
}

/** Flags that open the entry of a place for appending, without following a link. */
export function appendFlags({ isOpenFile }: Place): number {
  const { O_WRONLY, O_APPEND, O_NOFOLLOW, O_NOCTTY } = constants;
  return O_WRONLY | O_APPEND | O_NOCTTY | (isOpenFile ? 0 : O_NOFOLLOW);
}

/**
 * Checks an opened file before it is written to, and empties it if it is regular and `truncate`. Throws as check()
 * does.
 */
export function checkOpened(
  { existing, isOpenFile, beside, check }: Place,
  fd: number,
  { truncate }: Readonly<{ truncate: boolean }>,
): void {
  const found = fstatSync(fd);
  if (existing !== null) check(found);
  if (!found.isFile()) return;
  if (!isOpenFile) refuseSecondName(found, statSync(beside('.')));
  if (truncate) ftruncateSync(fd);
}

/** The name of the system's error, or why the place was refused. */
export function reasonOf(error: unknown): string {
  const isRefusal = error instanceof Error && (error as NodeJS.ErrnoException).errno === undefined;
  return isRefusal && error.message !== '' ? error.message : (errnoOf(error) ?? String(error));
}

function split(path: string): string[] {
  return path.split('/').filter((name) => name !== '' && name !== '.');
}

function openFolder(path: string, follows: boolean): number {
  const { O_DIRECTORY, O_NOFOLLOW } = constants;
  return openSync(fsPath(path), O_PATH | O_DIRECTORY | (follows ? 0 : O_NOFOLLOW));
}

function makeFolder(path: string): void {
  try {
    mkdirSync(fsPath(path));
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
}

function isProcFolder(folder: number): boolean {
  return statfsSync(`/proc/self/fd/${folder}`).type === PROC_SUPER_MAGIC;
}

/** Another user who could have put the link there: the owner of its folder, otherwise of the link. Null: nobody. */
function ownerOfLink(folder: Stats, link: Stats): number | null {
  return [folder.uid, link.uid].find(isOther) ?? null;
}

/**
 * Whether a user has fewer rights than we have as root. In a user namespace the system's files belong to the owner of
 * /.
 */
function isOther(uid: number): boolean {
  return process.geteuid?.() === 0 && uid !== 0 && uid !== statSync('/').uid;
}

function refuseOthers(others: ReadonlySet<number>, { uid }: Stats): void {
  for (const other of others) {
    if (uid !== other)
      throw Object.assign(new Error(`a link of user ${other} leads to a file of another user`), { code: 'EPERM' });
  }
}

/** In a folder where others can create names, a file that is not theirs may be a hard link to one from elsewhere. */
function refuseSecondName({ uid, nlink }: Stats, folder: Stats): void {
  const isTheirs = isOther(folder.uid) && folder.uid !== uid;
  const isShared = process.geteuid?.() === 0 && (folder.mode & (folder.gid === 0 ? WORLD_WRITE : OTHERS_WRITE)) !== 0;
  if (nlink < 2 || !(isTheirs || isShared)) return;
  const whose = isTheirs ? `of user ${folder.uid}` : 'that other users can write';
  throw Object.assign(new Error(`it has several hard links and is in a folder ${whose}`), { code: 'EPERM' });
}
