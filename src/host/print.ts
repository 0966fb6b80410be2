/** What kmem-run prints on its own stdout. */

import { setImmediate } from 'node:timers/promises';
import { errnoOf } from '../errors.ts';
import { STDOUT, writeFailure } from './write-file.ts';

/** The first error; null: none yet. */
let failure: unknown = null;
let isWatched = false;

/**
 * Resolves when the text is written, with false if stdout accepts no more. Never rejects: printed() reports the error.
 */
export function print(text: string | Uint8Array): Promise<boolean> {
  const { stdout } = process;
  if (!isWatched) {
    isWatched = true;
    stdout.on('error', (error) => {
      failure ??= error;
    });
  }
  return new Promise((resolve) => stdout.write(text, (error) => resolve(error == null)));
}

/**
 * Called at the end of a command. Does not wait for a slow reader; one that has gone away (`| head`) is not an error.
 * @throws SetupError `json-not-written` if stdout could not be written
 */
export async function printed(): Promise<void> {
  if (!isWatched) return;
  // 'error' is emitted after the write has returned.
  await setImmediate();
  if (failure !== null && errnoOf(failure) !== 'EPIPE') throw writeFailure(STDOUT, failure);
}
