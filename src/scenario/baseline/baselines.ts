/** The baselines of one call: files read when first asked for, and written once at the end. */

import type { Scenario } from '../types.ts';
import { readBook, updateBook } from './file.ts';
import { baselineFile } from './place.ts';
import type { Book, Entry } from './types.ts';

export type BaselineChoice = Readonly<{
  /** For all; null: each its own. */
  file: string | null;
  update: boolean;
}>;

export type Baselines = Readonly<{
  isUpdating: boolean;
  /** `entry`: null where there is none; `isThere`: the file is. Throws SetupError `bad-baseline`, `unreadable-baseline`. */
  find: (scenario: Scenario, kernel: string) => Readonly<{ file: string; entry: Entry | null; isThere: boolean }>;
  put: (scenario: Scenario, kernel: string, entry: Entry) => void;
  /** Throws SetupError `baseline-not-written`. */
  save: () => Promise<void>;
}>;

export function openBaselines({ file: asked, update }: BaselineChoice): Baselines {
  const books = new Map<string, Book | null>();
  const written = new Map<string, Record<string, Record<string, Entry>>>();
  const bookOf = (file: string): Book | null => {
    const known = books.get(file);
    if (known !== undefined) return known;
    const book = readBook(file);
    books.set(file, book);
    return book;
  };
  return {
    isUpdating: update,
    find: (scenario, kernel) => {
      const file = baselineFile(scenario, asked);
      const book = bookOf(file);
      return { file, entry: own(own(book, scenario.name), kernel), isThere: book !== null };
    },
    put: (scenario, kernel, entry) => {
      const file = baselineFile(scenario, asked);
      const entries = written.get(file) ?? {};
      entries[scenario.name] = { ...entries[scenario.name], [kernel]: entry };
      written.set(file, entries);
    },
    save: async () => {
      for (const [file, entries] of written) await updateBook(file, entries);
    },
  };
}

function own<T>(of: Readonly<Record<string, T>> | null, name: string): T | null {
  return of !== null && Object.hasOwn(of, name) ? (of[name] as T) : null;
}
