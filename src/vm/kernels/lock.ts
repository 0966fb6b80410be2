import { closeSync, openSync } from 'node:fs';
import { SetupError } from '../../errors.ts';
import type { KernelsFolder } from './folder.ts';
import { reasonIn, runTool } from './tools.ts';

export type FolderLock = Readonly<{
  /** A program that inherits it holds the lock too, until it ends. */
  fd: number;
  release: () => void;
}>;

/**
 * Waits until nobody else adds or removes a kernel. `flock` takes the lock for the open file that it inherits, which
 * stays here: the kernel drops it with the last process that has it open, however that ends.
 * Throws SetupError `no-lock`, `no-tool`.
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
    `the folder of the kernels cannot be locked (flock: ${reasonIn(ended)})`,
    'set XDG_CACHE_HOME to a folder on a local file system',
  );
}
