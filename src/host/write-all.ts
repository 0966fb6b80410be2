import { write } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { errnoOf } from '../errors.ts';

const writeTo = promisify(write);
const FULL_FOR_MS = 1;

/**
 * False if nobody reads on the other end. A non-blocking terminal or pipe returns EAGAIN: wait, since order matters.
 */
export async function writeAll(fd: number, chunk: Buffer): Promise<boolean> {
  for (let offset = 0; offset < chunk.length; ) {
    try {
      offset += (await writeTo(fd, chunk, offset)).bytesWritten;
    } catch (error) {
      if (errnoOf(error) !== 'EAGAIN') return false;
      await sleep(FULL_FOR_MS);
    }
  }
  return true;
}
