import type { ExecutionContext } from 'ava';
import { SetupError } from '../../src/errors.ts';

/** Asserts that `work` is rejected with this code, with one line of reason and one of hint; returns the error. */
export function refused(t: ExecutionContext, code: string, work: () => unknown): SetupError {
  const error = t.throws(work, { instanceOf: SetupError });
  t.is(error.code, code, error.message);
  for (const line of [error.message, error.hint]) t.notRegex(line, /^$|\n/, `one line: ${JSON.stringify(line)}`);
  return error;
}

/** Runs `work`; returns its value, or null if it was rejected with a SetupError. Other errors are rethrown. */
export function valueOrNull<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof SetupError) return null;
    throw error;
  }
}
