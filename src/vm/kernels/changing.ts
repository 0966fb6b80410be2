import { errnoOf, SetupError } from '../../errors.ts';
import { ensureFolder, type KernelsFolder, kernelsFolder } from './folder.ts';
import { lockFolder } from './lock.ts';
import { isOutOfSpace, noSpace } from './tools.ts';

type Caller = Readonly<{ signal: AbortSignal | undefined; say: (text: string) => void }>;

/**
 * Does what changes the folder of the kernels, one at a time: others wait. `lock` is the descriptor that holds it.
 * Throws SetupError of lockFolder(), `no-space`, `not-writable`, and what `work` throws.
 */
export async function changing<T>(
  { signal, say }: Caller,
  work: (folders: KernelsFolder, lock: number) => T | Promise<T>,
): Promise<T> {
  const folders = kernelsFolder();
  try {
    ensureFolder(folders);
    const onWait = () => say('another kmem-run is at the kernels: waiting for it to end');
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
    `the kernels cannot be kept in ${folder} (${errno})`,
    'set XDG_CACHE_HOME to a folder of yours that can be written',
    { cause: error },
  );
}
