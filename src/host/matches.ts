import { type Context, createContext, Script } from 'node:vm';

/** A reasonable pattern takes milliseconds for the 128 KiB that are kept of a stream. */
const MOST_MS = 2000;

let sandbox: Context | null = null;
const script = new Script('pattern.test(text)');

/**
 * Whether a user's pattern is found in a text. Null: not decided in two seconds, since backtracking takes time
 * exponential in the length of a text; V8 checks a script's time limit while it backtracks.
 */
export function matches(pattern: RegExp, text: string): boolean | null {
  sandbox ??= createContext({});
  Object.assign(sandbox, { pattern, text });
  try {
    return script.runInContext(sandbox, { timeout: MOST_MS });
  } catch {
    // The time is up, or the pattern is compiled only now and turns out to be too large.
    return null;
  } finally {
    Object.assign(sandbox, { pattern: null, text: null });
  }
}
