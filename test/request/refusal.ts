import type { ExecutionContext } from 'ava';
import { SetupError } from '../../src/errors.ts';

/** Asserts that `work` is refused with this code, in one line of reason and one of remedy; gives the error. */
export function refused(t: ExecutionContext, code: string, work: () => unknown): SetupError {
  const error = t.throws(work, { instanceOf: SetupError });
  t.is(error.code, code, error.message);
  for (const line of [error.message, error.hint]) t.notRegex(line, /^$|\n/, `one line: ${JSON.stringify(line)}`);
  return error;
}

/** Runs `work`; gives its value, or null if it was refused with a SetupError. Anything else is thrown on. */
export function valueOrNull<T>(work: () => T): T | null {
  try {
    return work();
  } catch (error) {
    if (error instanceof SetupError) return null;
    throw error;
  }
}
