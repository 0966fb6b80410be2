/** The baseline file: YAML that people review, identical for identical measurements. */

import { Document, isMap, isScalar, isSeq, visit } from 'yaml';
import { errnoOf, SetupError } from '../../errors.ts';
import { readBounded, Unreadable } from '../../host/read-input.ts';
import { writeReport } from '../../host/write-file.ts';
import { formatSize } from '../../request/size.ts';
import { quote } from '../../text/quote.ts';
import { parseYaml } from '../document.ts';
import type { Scenario } from '../types.ts';
import { baselineFile } from './place.ts';
import {
  type BaselineEntry,
  type BaselineFile,
  type Book,
  baselineSchema,
  type EntryInFile,
  FIGURES,
} from './types.ts';

const HEAD =
  ' Measured by kmem-run scenario run --update-baseline, one value for each run; later runs are compared with it.\n Review changes, and commit them.';

/** A scenario takes a few hundred bytes in it. */
const MOST_BYTES = 16 * 2 ** 20;

/** Null if there is no such file. @throws SetupError `bad-baseline`, `unreadable-baseline`. */
export function readBook(file: string): Book | null {
  let text: string;
  try {
    text = readBounded(file, MOST_BYTES).toString();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    if (error.errno === 'ENOENT') return null;
    const hint = 'name a readable file';
    throw new SetupError('unreadable-baseline', `${quote(file)} cannot be read: ${error.message}`, hint);
  }
  return parseBook(file, text);
}

/** @throws SetupError `bad-baseline`. */
export function parseBook(file: string, text: string): Book {
  const { value, errors, placeOf } = parseYaml(text);
  const [error] = errors;
  if (error !== undefined) throw bad(file, error.place, error.message);
  const version: unknown = (value as Partial<BaselineFile> | null)?.version;
  if (typeof version === 'number' && version > 1)
    throw bad(file, placeOf(['version']), `it was written by a newer kmem-run (version ${version})`);
  const parsed = baselineSchema.safeParse(value);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const path = (issue?.path ?? []) as (string | number)[];
    throw bad(file, placeOf(path), `${path.join('.')}: ${issue?.message}`.replace(/\s+/g, ' '));
  }
  return mapEntries(parsed.data.scenarios, (kernels) => mapEntries(kernels, entryFrom));
}

function bad(file: string, { line, column }: Readonly<{ line: number; column: number }>, why: string): SetupError {
  return new SetupError(
    'bad-baseline',
    `${file}:${line}:${column}: not a baseline: ${why}`,
    'fix the file, or remove it and write a new baseline with --update-baseline',
  );
}

/**
 * Merges these into the file's current content; other entries stay. @throws SetupError `baseline-not-written`,
 * `bad-baseline`.
 */
export async function updateBook(file: string, entries: Book): Promise<void> {
  const merged: Record<string, Record<string, BaselineEntry>> = {};
  for (const [name, kernels] of [...Object.entries(readBook(file) ?? {}), ...Object.entries(entries)])
    merged[name] = { ...merged[name], ...kernels };
  try {
    await writeReport(file, textOf(merged), undefined, { makesFolders: true });
  } catch (error) {
    const why = error instanceof SetupError ? error.message : String(errnoOf(error));
    throw new SetupError(
      'baseline-not-written',
      `the baseline cannot be written to ${quote(file)}: ${why}`,
      'name a writable file with --baseline',
      { cause: error },
    );
  }
}

/** Names in order, an entry's keys as listed here, one line for each figure. */
export function textOf(book: Book): string {
  const scenarios = sorted(book, (kernels) => sorted(kernels, entryInFile));
  const document = new Document({ version: 1, scenarios } satisfies BaselineFile);
  document.commentBefore = HEAD;
  visit(document, {
    Seq: (_, node) => {
      // Steps are listed one per line; values are side by side.
      if (node.items.every((item) => isScalar(item))) node.flow = true;
      for (const item of node.items) if (isMap(item)) item.flow = true;
    },
    Pair: (_, { key, value }) => {
      const name = isScalar(key) ? String(key.value) : '';
      if (isMap(value) && ['measuredOn', 'limits', 'parts'].includes(name)) value.flow = true;
      if (isSeq(value) && (name === 'kmem' || name === 'mem'))
        value.comment = ` ${sizeOfMiddle(value.toJSON() as number[])}`;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: true });
}

function sizeOfMiddle(values: readonly number[]): string {
  return formatSize(values[Math.floor(values.length / 2)] ?? 0);
}

function entryInFile({ figures, processes, parts, steps, ...entry }: BaselineEntry): EntryInFile {
  return {
    ...entry,
    ...Object.fromEntries(FIGURES.flatMap((figure) => (figures[figure] ? [[figure, [...figures[figure]]]] : []))),
    ...(processes === null ? {} : { processes }),
    ...(parts === null ? {} : { parts }),
    steps: [...steps],
  };
}

function entryFrom({ kmem, failcnt, mem, kmemTcp, processes, parts, ...entry }: EntryInFile): BaselineEntry {
  const figures = Object.entries({ kmem, failcnt, mem, kmemTcp }).filter(([, values]) => values !== undefined);
  return {
    ...entry,
    figures: Object.fromEntries(figures.map(([figure, values]) => [figure, values?.toSorted((a, b) => a - b)])),
    processes: processes ?? null,
    parts: parts ?? null,
  };
}

function mapEntries<From, To>(given: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  return Object.fromEntries(Object.entries(given).map(([key, value]) => [key, map(value)]));
}

function sorted<From, To>(given: Readonly<Record<string, From>>, map: (value: From) => To): Record<string, To> {
  const names = Object.keys(given).toSorted();
  return Object.fromEntries(names.map((name) => [name, map(given[name] as From)]));
}

export type BaselineChoice = Readonly<{
  /** For all; null: each uses its own. */
  file: string | null;
  update: boolean;
}>;

export type Baselines = Readonly<{
  isUpdating: boolean;
  /**
   * `entry`: null if there is none; `isThere`: whether the file exists. @throws SetupError `bad-baseline`,
   * `unreadable-baseline`.
   */
  find: (
    scenario: Scenario,
    kernel: string,
  ) => Readonly<{ file: string; entry: BaselineEntry | null; isThere: boolean }>;
  put: (scenario: Scenario, kernel: string, entry: BaselineEntry) => void;
  /** @throws SetupError `baseline-not-written`. */
  save: () => Promise<void>;
}>;

export function openBaselines({ file: asked, update }: BaselineChoice): Baselines {
  const books = new Map<string, Book | null>();
  const written = new Map<string, Record<string, Record<string, BaselineEntry>>>();
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
