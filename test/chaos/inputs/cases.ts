/** The damaged inputs: a table of kinds, each with a number of cases. A case depends only on a seed and its number. */

import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { deflateRawSync } from 'node:zlib';
import type { Result } from '../../../src/result/schema.ts';
import { recordedOf } from '../../../src/statistics/recorded.ts';
import { tokenOf } from '../../../src/store/token.ts';
import { createDraw, type Draw } from '../draw.ts';
import * as corpus from './corpus.ts';
import { damageDocument, damageText, spliced } from './mutate.ts';

export type Input = Readonly<{
  number: number;
  kind: string;
  /** After `kmem-run`. */
  args: readonly string[];
  /** As the command documents them. */
  statuses: readonly number[];
  /** A file may have several mistakes, each with its hint. */
  several: boolean;
}>;

/** The folder for the files of a case, and what all cases share. */
export type Prepared = Readonly<{ folder: string; store: string; odd: readonly string[] }>;

type Making = Readonly<{
  draw: Draw;
  prepared: Prepared;
  /** Index of the case in its kind. */
  index: number;
  /** Writes a file for the case and returns its path. */
  put: (name: string, data: string | Uint8Array) => string;
}>;

type Kind = Readonly<{
  name: string;
  count: number;
  args: (making: Making) => readonly string[];
  statuses?: readonly number[];
  several?: boolean;
}>;

const READS = [0, 125];
const JUDGES = [0, 1, 125];

function pickFor<Item>(items: readonly Item[], index: number): Item {
  return items[index % items.length] as Item;
}

/** Options of a run that is not performed. */
function option(name: string, lists: readonly (readonly string[])[]): Kind {
  const args = ({ index }: Making) => [...pickFor(lists, index), '--dry-run', '--', 'true'];
  return { name, count: lists.length, args, statuses: READS };
}

function damagedJson(documents: readonly unknown[], most: number, { draw, put }: Making): string {
  return put('json', JSON.stringify(damageDocument(draw.pick(documents), 1 + draw.below(most), draw)));
}

const readers: readonly ((file: string) => readonly string[])[] = [
  (file) => ['report', file, '--html', '-'],
  (file) => ['replay', file, '--dry-run'],
  (file) => ['merge', file],
  (file) => ['scenario', 'check', file],
  (file) => ['history', '--store', file],
];
const jsonReaders = readers.slice(0, 3);

const ofStore: readonly (readonly string[])[] = [
  ...[['history'], ['history', '--runs', '--json'], ['show', '@'], ['export'], ['export', '--format', 'csv']],
  ...[
    ['report', '@', '--html', '-'],
    ['compare', 'a', 'b'],
    ['replay', '@', '--dry-run'],
  ],
  ['run', '--label', 'z', '--quiet', '--', 'true'],
];
/** Odd files are few, and each is tried with each reader. */
const ODD_FILES = 10;

const kinds: readonly Kind[] = [
  {
    name: 'scenario',
    count: 300,
    args: ({ draw, put }) => [
      'scenario',
      'check',
      put('yaml', damageText(draw.pick(corpus.scenarioFiles), 1 + draw.below(5), draw)),
    ],
    statuses: JUDGES,
    several: true,
  },
  {
    name: 'scenario-text',
    count: corpus.scenarioTexts.length,
    args: ({ index, put }) => ['scenario', 'check', put('yaml', pickFor(corpus.scenarioTexts, index))],
    statuses: JUDGES,
    several: true,
  },
  {
    name: 'report',
    count: 170,
    args: (making) => {
      const file = damagedJson(corpus.documents, 4, making);
      return ['report', file, '--html', `${file}.html`, '--markdown', `${file}.md`, '--csv', `${file}.csv`];
    },
  },
  {
    name: 'report-text',
    count: 60,
    args: ({ draw, put }) => {
      const text = JSON.stringify(draw.pick(corpus.documents));
      return ['report', put('json', damageText(text, 1 + draw.below(5), draw)), '--html', '-'];
    },
  },
  { name: 'replay', count: 110, args: (making) => ['replay', damagedJson(corpus.runs, 3, making), '--dry-run'] },
  {
    name: 'merge',
    count: 60,
    args: (making) => {
      const format = making.draw.pick(['pretty', 'tap', 'junit', 'json', 'github']);
      return ['merge', damagedJson([corpus.scenariosReport], 3, making), '--format', format];
    },
    statuses: JUDGES,
  },
  {
    name: 'json-text',
    count: corpus.jsonTexts.length * jsonReaders.length,
    args: ({ index, put }) => {
      const text = pickFor(corpus.jsonTexts, Math.floor(index / jsonReaders.length));
      return pickFor(jsonReaders, index)(put('json', text));
    },
    statuses: JUDGES,
  },
  {
    name: 'odd-file',
    count: ODD_FILES * readers.length,
    args: ({ index, prepared }) => pickFor(readers, index)(pickFor(prepared.odd, Math.floor(index / readers.length))),
    statuses: JUDGES,
    several: true,
  },
  { name: 'token', count: 110, args: ({ draw }) => ['replay', damagedToken(draw), '--dry-run'] },
  { name: 'store', count: 120, args: damagedStore, statuses: JUDGES },
  option(
    'size',
    corpus.words.map((word) => ['--kmem', word]),
  ),
  {
    name: 'size-range',
    count: corpus.words.length,
    args: ({ index }) => ['sweep', '--kmem', pickFor(corpus.words, index) || 'x..', '--dry-run', '--', 'true'],
  },
  option(
    'duration',
    corpus.durations.map((word) => [`--timeout=${word}`]),
  ),
  option(
    'address',
    corpus.addresses.map((word) => ['--fail', word]),
  ),
  option(
    'expectation',
    corpus.expectations.map((word) => ['--expect', word]),
  ),
  option(
    'cpus',
    corpus.cpuLists.map((word) => [`--cpus=${word}`]),
  ),
  option('option', corpus.optionLists),
];

export const CASES: number = kinds.reduce((sum, { count }) => sum + count, 0);

/** Its files are written now. Numbers from `CASES` on are further cases of the same kinds. */
export function makeInput(seed: number, number: number, prepared: Prepared): Input {
  let index = number % CASES;
  const kind = kinds.find(({ count }) => {
    if (index < count) return true;
    index -= count;
    return false;
  }) as Kind;
  const put = (name: string, data: string | Uint8Array): string => {
    const file = join(prepared.folder, `${number}.${name}`);
    writeFileSync(file, data);
    return file;
  };
  const args = kind.args({ draw: createDraw(seed, number), prepared, index, put });
  return { number, kind: kind.name, args, statuses: kind.statuses ?? READS, several: kind.several ?? false };
}

const LONGEST_ARGUMENT = 100_000;

function damagedToken(draw: Draw): string {
  const run = draw.pick(corpus.runs.slice(0, 2)) as Result;
  const token = tokenOf(recordedOf(run, null));
  const way = draw.below(3);
  if (way === 0) {
    const bytes = Buffer.from(token.slice(4), 'base64url');
    bytes[draw.below(bytes.length)] = draw.below(256);
    return `kr2.${bytes.toString('base64url')}`;
  }
  if (way === 1) {
    const at = 4 + draw.below(token.length - 4);
    return `${spliced(Buffer.from(token), at, draw.below(3), Buffer.from(draw.pick(['', 'A', '=', '-', '_', '/', '\n', ' '])))}`;
  }
  const texts = ['null', '[]', '{}', '{"__proto__":{"command":["id"]}}', 'A'.repeat(50 << 20)];
  const text = draw.pick([...texts, JSON.stringify(damageDocument(run, 3, draw))]);
  return `kr2.${deflateRawSync(text, { level: 9 }).toString('base64url')}`.slice(0, LONGEST_ARGUMENT);
}

function damagedStore(making: Making): readonly string[] {
  const [name = '', ...words] = pickFor(ofStore, making.index);
  return [name, '--store', damagedDatabase(making), ...words];
}

/** Damages its bytes or its rows. */
function damagedDatabase({ draw, prepared, put }: Making): string {
  const bytes = readFileSync(prepared.store);
  const way = draw.below(5);
  if (way === 0) return put('sqlite', bytes.subarray(0, draw.below(bytes.length)));
  if (way <= 2) {
    for (let left = 1 + draw.below(40); left > 0; left -= 1)
      bytes[draw.below(bytes.length)] = way === 1 ? 0 : draw.below(256);
    return put('sqlite', bytes);
  }
  const file = put('sqlite', bytes);
  const database = new DatabaseSync(file, { enableForeignKeyConstraints: false });
  database.exec(draw.pick(corpus.storeChanges));
  database.close();
  return file;
}
