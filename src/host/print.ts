/** What kmem-run prints on its own stdout. */

import { setImmediate } from 'node:timers/promises';
import { errnoOf } from '../errors.ts';
import { STDOUT, writeFailure } from './write-file.ts';

/** The first; null: none so far. */
let failure: unknown = null;
let isWatched = false;

/** Resolves when it is written, with false if stdout accepts no more. Never rejects: printed() reports what went wrong. */
export function print(text: string): Promise<boolean> {
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
 * For the end of a command. Does not wait for a slow reader, and one that has gone away (`| head`) is no failure.
 * @throws SetupError `json-not-written` if stdout could not be written
 */
export async function printed(): Promise<void> {
  if (!isWatched) return;
  // 'error' is emitted after the write has returned.
  await setImmediate();
  if (failure !== null && errnoOf(failure) !== 'EPIPE') throw writeFailure(STDOUT, failure);
}
