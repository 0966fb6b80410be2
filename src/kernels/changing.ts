import { closeSync, openSync } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { ensureFolder, type KernelsFolder, kernelsFolder } from './folder.ts';
import { isOutOfSpace, noSpace, reasonIn, runTool } from './tools.ts';

type Caller = Readonly<{ signal: AbortSignal | undefined; say: (text: string) => void }>;

/**
 * Changes the folder of the kernels, one process at a time: others wait. `lock` is the descriptor that holds the lock.
 * @throws SetupError of lockFolder(), `no-space`, `not-writable`, and what `work` throws.
 */
export async function changing<T>(
  { signal, say }: Caller,
  work: (folders: KernelsFolder, lock: number) => T | Promise<T>,
): Promise<T> {
  const folders = kernelsFolder();
  try {
    ensureFolder(folders);
    const onWait = () => say('another kmem-run is changing the kernels: waiting until it exits');
    const lock = await lockFolder(folders, { onWait, signal });
    try {
      return await work(folders, lock.fd);
    } finally {
      lock.release();
    }
  } catch (error) {
    throw refusalOf(error, folders.path);
  }
}

const REFUSED = ['EACCES', 'EPERM', 'EROFS'];

function refusalOf(error: unknown, folder: string): unknown {
  if (isOutOfSpace(error)) return noSpace(folder, error);
  const errno = errnoOf(error);
  if (errno === null || !REFUSED.includes(errno)) return error;
  return new SetupError(
    'not-writable',
    `the kernels cannot be saved in ${folder} (${errno})`,
    'set XDG_CACHE_HOME to a writable folder that you own',
    { cause: error },
  );
}

export type FolderLock = Readonly<{
  /** A program that inherits it also holds the lock until it exits. */
  fd: number;
  release: () => void;
}>;

/**
 * Waits until nobody else adds or removes a kernel. `flock` locks the open file that it inherits, which stays open
 * here: the kernel drops the lock when the last process that has the file open exits for any reason.
 * @throws SetupError `no-lock`, `no-tool`.
 */
export async function lockFolder(
  { lock }: KernelsFolder,
  { onWait, signal }: { onWait: () => void; signal: AbortSignal | undefined },
): Promise<FolderLock> {
  const fd = openSync(lock, 'a', 0o600);
  try {
    if (!(await take(fd, ['--nonblock'], signal))) {
      onWait();
      await take(fd, [], signal);
    }
    return { fd, release: () => closeSync(fd) };
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

const HELD = 1;

async function take(fd: number, options: readonly string[], signal: AbortSignal | undefined): Promise<boolean> {
  const ended = await runTool('flock', [...options, '3'], { inherits: [fd], signal });
  if (ended.code === 0) return true;
  if (ended.code === HELD && options.length > 0) return false;
  throw new SetupError(
    'no-lock',
    `cannot lock the kernel folder: flock: ${reasonIn(ended)}`,
    'set XDG_CACHE_HOME to a folder on a local file system',
  );
}
