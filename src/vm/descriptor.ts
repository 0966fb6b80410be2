/** The type of a descriptor of ours, and how to read or write it without changing it for processes that share it. */

import { constants, fstatSync, openSync, statSync } from 'node:fs';
import type { Readable } from 'node:stream';
import { isatty } from 'node:tty';

export type Descriptor = 'null' | 'terminal' | 'pipe' | 'socket' | 'file' | 'device';

export function whatIs(fd: number): Descriptor {
  try {
    if (isatty(fd)) return 'terminal';
    const stat = fstatSync(fd);
    if (stat.isFIFO()) return 'pipe';
    if (stat.isSocket()) return 'socket';
    if (stat.isFile()) return 'file';
    return stat.rdev === statSync('/dev/null').rdev ? 'null' : 'device';
  } catch {
    return 'null';
  }
}

/**
 * A separate non-blocking descriptor for the same pipe or terminal; set on `fd` itself, the flag would affect every
 * process that shares it. Null if it cannot be opened (another user's pipe).
 * @throws ENXIO: nobody reads the pipe
 */
export function reopen(fd: number, access: 'read' | 'write'): number | null {
  const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  try {
    return openSync(`/proc/self/fd/${fd}`, (access === 'read' ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOCTTY);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENXIO') throw error;
    return null;
  }
}

/** Chunk by chunk: the stream is paused between reads. */
export function chunksOf(stream: Readable): () => Promise<Buffer | null> {
  let ended = false;
  const { promise: over, resolve: finish } = Promise.withResolvers<null>();
  for (const event of ['end', 'close', 'error']) {
    stream.once(event, () => {
      ended = true;
      finish(null);
    });
  }
  stream.on('error', () => {});
  stream.pause();
  return () => {
    if (ended) return over;
    const next = new Promise<Buffer>((resolve) => {
      stream.once('data', (chunk: Buffer) => {
        stream.pause();
        resolve(chunk);
      });
      stream.resume();
    });
    return Promise.race([next, over]);
  };
}
