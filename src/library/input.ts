/** Splits what a caller asks of an experiment into what each run has, and what is the experiment's own. */

import { SetupError } from '../errors.ts';
import { numberFor, preparation } from '../experiment/bounds.ts';
import { type Names, placed } from '../experiment/plan.ts';
import { quote } from '../spec/quote.ts';
import type { RunInput } from '../spec/run-input.ts';

/** What every experiment takes beside the keys of a run. */
export type CommonInput = Readonly<{
  /** Runs to make first and throw away (1). */
  warmup?: number | undefined;
  /** Run by `sh -c` before each run, outside its group. */
  prepare?: string | null | undefined;
}>;

/** A caller of the library writes keys as they are. */
export const plainly: Names = (key) => key;

type Keys = Readonly<Record<string, unknown>>;

export type Split = Readonly<{
  input: RunInput;
  /** Undefined: not given. */
  own: (key: string) => unknown;
  warmup: number;
  prepare: string | null;
}>;

/**
 * `own`: keys of the experiment; `without`: keys of a run that it does not take, and why.
 * Throws SetupError `unknown-key`, `bad-option`, `conflicting-options`, `bad-cwd`.
 */
export function splitInput(given: Keys, own: readonly string[], without: Readonly<Record<string, string>>): Split {
  const owned = [...own, 'warmup', 'prepare'];
  const stray = Object.keys(without).find((key) => given?.[key] != null);
  if (stray !== undefined) throw new SetupError('conflicting-options', `${stray}: ${without[stray]}`, 'leave it out');
  const entries = Object.entries(given ?? {}).filter(([key]) => !owned.includes(key) && !Object.hasOwn(without, key));
  // Many runs would write over each other's output.
  const input = { output: 'null', ...Object.fromEntries(entries) } as RunInput;
  const value = (key: string): unknown => given?.[key] ?? undefined;
  return {
    input: placed(input, plainly),
    own: value,
    warmup: value('warmup') === undefined ? 1 : numberFor('warmup', value('warmup'), plainly),
    prepare: value('prepare') === undefined ? null : preparation(value('prepare'), plainly),
  };
}

/** A list of names; null: not given. Throws SetupError `bad-option`. */
export function namesIn(given: unknown, name: string): readonly string[] | null {
  if (given === undefined) return null;
  if (Array.isArray(given) && given.length > 0 && given.every((one) => typeof one === 'string' && one !== ''))
    return given;
  throw new SetupError('bad-option', `${name} is no list of names`, `give an array, such as ['one', 'another']`);
}

/** Throws SetupError `bad-option`. */
export function flagIn(given: unknown, name: string): boolean {
  if (given === undefined || typeof given === 'boolean') return given ?? false;
  throw new SetupError(
    'bad-option',
    `${name}: ${quote(String(given))} is neither true nor false`,
    'give true or false',
  );
}
