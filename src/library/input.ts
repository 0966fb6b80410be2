/** Splits the input of an experiment into the input of each run and the keys of the experiment itself. */

import { SetupError } from '../errors.ts';
import { numberFor, preparation } from '../experiment/bounds.ts';
import type { CommonQuestion, Names } from '../experiment/plan.ts';
import type { PlanInput, RunInput } from '../request/run-input.ts';
import { type AskedSubject, refuseSteps } from '../scenario/subject.ts';
import { quote } from '../text/quote.ts';

type StepKey = 'command' | 'then' | 'ready' | 'readyTimeout' | 'background' | 'stop';

/** The input of each run: steps, or a scenario, whose settings the other keys override. */
export type SubjectInput<Without extends keyof RunInput> =
  | (Omit<RunInput, Without> & Readonly<{ scenario?: null | undefined }>)
  | (Omit<PlanInput, Without> & Readonly<{ scenario?: null | undefined }>)
  | (Omit<RunInput, Without | StepKey> &
      Readonly<{
        /** Name of the scenario, or its file (contains / or ends in .yaml). */
        scenario: string;
      }>);

/** Keys of every experiment in addition to those of a run. */
export type CommonInput = Readonly<{
  /** Number of concurrent runs, each bound to its own CPU; absent: 1. */
  jobs?: number | undefined;
  /** Number of runs to perform first and discard; absent: 1. */
  warmup?: number | undefined;
  /** Command that `sh -c` runs before each run, outside its group; absent: none. */
  prepare?: string | null | undefined;
}>;

/** Messages to a caller of the library name keys as they are. */
export const keyAsName: Names = (key) => key;

type Keys = Readonly<Record<string, unknown>>;

export type Split = Readonly<{
  asked: AskedSubject;
  /** Undefined if the key is missing. */
  own: (key: string) => unknown;
  common: Pick<CommonQuestion, 'jobs' | 'warmup' | 'prepare'>;
}>;

/**
 * `own`: keys of the experiment; `without`: keys of a run that it rejects, and why.
 * @throws SetupError `unknown-key`, `bad-option`, `conflicting-options`.
 */
export function splitInput(given: Keys, own: readonly string[], without: Readonly<Record<string, string>>): Split {
  const owned = [...own, 'scenario', 'jobs', 'warmup', 'prepare'];
  const stray = Object.keys(without).find((key) => given?.[key] != null);
  if (stray !== undefined) throw new SetupError('conflicting-options', `${stray}: ${without[stray]}`, 'leave it out');
  const entries = Object.entries(given ?? {}).filter(([key]) => !owned.includes(key) && !Object.hasOwn(without, key));
  // Many runs would mix their output.
  const input = { output: 'null', ...Object.fromEntries(entries) };
  const value = (key: string): unknown => given?.[key] ?? undefined;
  const number = (key: 'jobs' | 'warmup'): number =>
    value(key) === undefined ? 1 : numberFor(key, value(key), keyAsName);
  const scenario = textIn(value('scenario'), 'scenario');
  if (scenario !== null) refuseSteps((key) => given?.[key] != null, keyAsName);
  return {
    asked: { scenario, input } as AskedSubject,
    own: value,
    common: {
      jobs: number('jobs'),
      warmup: number('warmup'),
      prepare: value('prepare') === undefined ? null : preparation(value('prepare'), keyAsName),
    },
  };
}

/** Null if the key is missing. @throws SetupError `bad-option`. */
export function textIn(given: unknown, name: string): string | null {
  if (given === undefined) return null;
  if (typeof given === 'string' && given !== '') return given;
  throw new SetupError(
    'bad-option',
    `${name}: ${quote(String(given))} is not a string`,
    'use a string, or leave it out',
  );
}

/** A list of names; null if the key is missing. @throws SetupError `bad-option`. */
export function namesIn(given: unknown, name: string): readonly string[] | null {
  if (given === undefined) return null;
  if (Array.isArray(given) && given.length > 0 && given.every((one) => typeof one === 'string' && one !== ''))
    return given;
  throw new SetupError('bad-option', `${name} is not a list of names`, `use an array, such as ['one', 'another']`);
}

/** @throws SetupError `bad-option`. */
export function flagIn(given: unknown, name: string): boolean {
  if (given === undefined || typeof given === 'boolean') return given ?? false;
  throw new SetupError('bad-option', `${name}: ${quote(String(given))} is neither true nor false`, 'use true or false');
}
