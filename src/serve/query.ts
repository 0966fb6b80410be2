/** The query of the list, in its address. */

import { statSync } from 'node:fs';
import { SetupError } from '../errors.ts';
import { outcomes } from '../result/schema-events.ts';
import { openStore } from '../store/store.ts';
import { type BrowseQuery, EXPERIMENT_KINDS, SORTS, type Sort, type Store } from '../store/types.ts';
import { quote } from '../text/quote.ts';

export const KINDS = ['run', ...EXPERIMENT_KINDS] as const;
export { outcomes };

export const PAGE_LENGTH = 50;

/** `with`: the item to compare with one of the list; null: nothing. `page`: from 1. */
export type ListQuery = Omit<BrowseQuery, 'offset' | 'limit'> & Readonly<{ page: number; with: string | null }>;

const LATEST_FIRST: Pick<ListQuery, 'sort' | 'descending'> = { sort: 'started', descending: true };

/** @throws SetupError `bad-address`. */
export function listQueryOf(parameters: URLSearchParams): ListQuery {
  const text = (name: string): string | null => parameters.get(name)?.trim() || null;
  const one = <T extends string>(name: string, known: readonly T[]): T | null => {
    const given = text(name);
    const found = known.find((value) => value === given);
    if (given !== null && found === undefined) throw badAddress(`${name}: ${quote(given)}`, known);
    return found ?? null;
  };
  const page = text('page') ?? '1';
  if (!/^[1-9][0-9]{0,8}$/.test(page)) throw badAddress(`page: ${quote(page)}`, ['1', '2', '…']);
  const way = one('way', ['up', 'down']);
  const sort = one('sort', SORTS) ?? LATEST_FIRST.sort;
  return {
    kind: one('kind', KINDS),
    text: text('text'),
    outcome: one('outcome', outcomes),
    label: text('label'),
    experimentId: text('experiment'),
    sort,
    descending: way === null ? isUsuallyDown(sort) : way === 'down',
    page: Number(page),
    with: text('with'),
  };
}

/** Figures and times are usually sorted from the top, words from A. */
export function isUsuallyDown(sort: Sort): boolean {
  return !['command', 'state', 'label'].includes(sort);
}

/** The address of the list with some changes; `page` is 1 again unless it is changed itself. */
export function listAddress(query: ListQuery, changes: Partial<ListQuery> = {}): string {
  const {
    kind,
    text,
    outcome,
    label,
    experimentId,
    sort,
    descending,
    page,
    with: other,
  } = { ...query, page: 1, ...changes };
  const isPlain = sort === LATEST_FIRST.sort && descending === LATEST_FIRST.descending;
  const given: readonly (readonly [string, string | null])[] = [
    ['text', text],
    ['kind', kind],
    ['outcome', outcome],
    ['label', label],
    ['experiment', experimentId],
    ['with', other],
    ...(isPlain
      ? []
      : ([
          ['sort', sort],
          ['way', descending ? 'down' : 'up'],
        ] as const)),
    ['page', page === 1 ? null : String(page)],
  ];
  const parameters = new URLSearchParams(
    given.flatMap(([key, value]): [string, string][] => (value === null ? [] : [[key, value]])),
  );
  return `./${parameters.size === 0 ? '' : `?${parameters}`}`;
}

function badAddress(what: string, known: readonly string[]): SetupError {
  return new SetupError(
    'bad-address',
    `the address names ${what}, which does not exist`,
    `use one of ${known.join(', ')}`,
  );
}

export type StoreView = Readonly<{
  file: string;
  use: <T>(work: (store: Store) => T) => T;
  /** A different text whenever the store has changed. */
  changes: () => string;
  close: () => void;
}>;

/** @throws SetupError as openStore() does, `no-store` also for the user's own. */
export function viewStore(file: string | null): StoreView {
  let store = openStore(file, 'look');
  const path = store.file;
  let identity = identityOf(path);
  let openings = 0;
  const present = (): Store => {
    const now = identityOf(path);
    if (now === identity) return store;
    const fresh = openStore(file, 'look');
    store.close();
    store = fresh;
    identity = now;
    openings += 1;
    return store;
  };
  return {
    file: path,
    use: (work) => work(present()),
    changes: () => {
      const changes = present().changes();
      return `${openings}.${changes}`;
    },
    close: () => store.close(),
  };
}

function identityOf(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  return found === undefined ? 'none' : `${found.dev}.${found.ino}`;
}
