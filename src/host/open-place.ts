/**
 * Where a file is to be written: its folder, held open, and its name in it. No name is looked up twice, so that whoever
 * can change a folder on the way cannot lead a writer elsewhere in between. Node has no openat(2): a path through
 * /proc/self/fd serves as one.
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
  /** The path by which the folder's entry is reached, whatever happens to the folder's own name. */
  path: string;
  /** Of another entry of the same folder. */
  beside: (name: string) => string;
  /** What is there now; null: nothing. Of an open file in /proc: the link that stands for it. */
  existing: Stats | null;
  /** In /proc a link is no name but an open file. */
  isOpenFile: boolean;
  /** Throws an Error with code `EPERM` if a link on the way, which another user made, led root to what is not theirs. */
  check: (found: Stats) => void;
  close: () => void;
}>;

const MOST_LINKS = 40;
const WORLD_WRITE = 0o002;
const OTHERS_WRITE = 0o022;
const PROC_SUPER_MAGIC = 0x9fa0;
/** Not among Node's constants. Source: include/uapi/asm-generic/fcntl.h; x86 and arm64 have no other. */
const O_PATH = 0o10000000;

/** Throws the system's error. `makesFolders`: folders on the way that are not there are made. */
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
 * Opens a file to write at its end; it is made if need be, and emptied if `truncate`. What is no regular file is opened as
 * it is, and a pipe only if somebody reads it: who waits in open(2) hears no Ctrl-C. Throws as openPlace() does.
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
      // Whoever gets it expects to be waited for.
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

/** To open the entry of a place at its end, and no other that a link leads to. */
export function appendFlags({ isOpenFile }: Place): number {
  const { O_WRONLY, O_APPEND, O_NOFOLLOW, O_NOCTTY } = constants;
  return O_WRONLY | O_APPEND | O_NOCTTY | (isOpenFile ? 0 : O_NOFOLLOW);
}

/** Looks at what was opened before it is written to, and empties it if it is a file and `truncate`. Throws as check() does. */
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

/** What the system says, by the name of its error, or why the place was refused. */
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

/** Another user who could have put it there: whose folder it is in, or else whose link it is. Null: nobody. */
function ownerOfLink(folder: Stats, link: Stats): number | null {
  return [folder.uid, link.uid].find(isOther) ?? null;
}

/** Somebody with fewer rights than we have as root. In a user namespace the system's files belong to the owner of /. */
function isOther(uid: number): boolean {
  return process.geteuid?.() === 0 && uid !== 0 && uid !== statSync('/').uid;
}

function refuseOthers(others: ReadonlySet<number>, { uid }: Stats): void {
  for (const other of others) {
    if (uid !== other)
      throw Object.assign(new Error(`a link of user ${other} leads to a file of another user`), { code: 'EPERM' });
  }
}

/** Where others can make names, a file that is not theirs may be one from elsewhere, under a second name. */
function refuseSecondName({ uid, nlink }: Stats, folder: Stats): void {
  const isTheirs = isOther(folder.uid) && folder.uid !== uid;
  const isShared = process.geteuid?.() === 0 && (folder.mode & (folder.gid === 0 ? WORLD_WRITE : OTHERS_WRITE)) !== 0;
  if (nlink < 2 || !(isTheirs || isShared)) return;
  const whose = isTheirs ? `of user ${folder.uid}` : 'that other users can write';
  throw Object.assign(new Error(`it has several hard links and is in a folder ${whose}`), { code: 'EPERM' });
}
