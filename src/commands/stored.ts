/** What the commands that read the store have in common. */

import { SetupError } from '../errors.ts';
import { openStore } from '../store/store.ts';
import type { Store } from '../store/types.ts';
import type { Style } from '../text/layout.ts';
import { quote } from '../text/quote.ts';
import { type OptionForm, readOptions, splitAtSeparator } from './read-options.ts';
import { type GivenWithSettings, withSettings } from './settings.ts';

export type StoredArguments = Readonly<{
  words: readonly string[];
  /** `--store`; null: the user's own. */
  store: string | null;
  isOn: (name: string) => boolean;
  /** Null: not given. */
  value: (name: string) => string | null;
  given: GivenWithSettings;
}>;

/**
 * Reads the options of a command, whose name begins `argv`, and the words between them. `forms` includes `--store`.
 * Throws the errors of readOptions().
 */
export function readStoredArguments(
  argv: readonly string[],
  forms: Readonly<Record<string, OptionForm>>,
): StoredArguments {
  const { before, after } = splitAtSeparator(argv);
  const [name = '', ...tokens] = before;
  if (after !== null)
    throw new SetupError('unexpected-argument', `${name} accepts no command after --`, `see kmem-run ${name} --help`);
  const all: typeof forms = { ...forms, config: { type: 'boolean' } };
  const given = withSettings(readOptions(tokens, all), all);
  const value = (option: string) => given.strings.get(option)?.[0] ?? null;
  const isOn = (option: string) => given.booleans.get(option) ?? false;
  return { words: given.positionals, store: value('store'), isOn, value, given };
}

/** @throws SetupError `missing-argument`, `unexpected-argument` unless there are `count` words. */
export function mustHave(words: readonly string[], count: number, usage: string): void {
  const stray = words[count];
  if (stray !== undefined) throw new SetupError('unexpected-argument', `unexpected argument ${quote(stray)}`, usage);
  if (words.length < count) {
    const missing = count - words.length;
    throw new SetupError(
      'missing-argument',
      missing === 1 ? 'one more run is required' : `${missing} runs are required`,
      usage,
    );
  }
}

export async function withStore<T>(file: string | null, work: (store: Store) => T | Promise<T>): Promise<T> {
  const store = openStore(file, 'read');
  try {
    return await work(store);
  } finally {
    store.close();
  }
}

/** Depends on whether stdout is a terminal; `color` is null if not specified. */
export function styleOfStdout(color: boolean | null): Style {
  return {
    color: color ?? (process.stdout.isTTY === true && !process.env.NO_COLOR),
    width: process.stdout.columns || null,
  };
}
