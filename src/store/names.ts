/** Resolves a word of the user's: an id, the beginning of one, a label, or `@`, the latest run. */

import type { DatabaseSync } from 'node:sqlite';
import { SetupError } from '../errors.ts';
import { counted } from '../text/figures.ts';
import { quote } from '../text/quote.ts';
import type { StoreRow } from './columns.ts';
import type { StoreName } from './types.ts';

const SHOWN = 5;
const LATEST = /^@([1-9][0-9]{0,8})?$/;

/**
 * An id takes precedence over a label, a label over the beginning of an id. `@2` is the run before the latest one.
 * @throws SetupError `no-such-run`, `ambiguous-id`.
 */
export function findNamed(database: DatabaseSync, word: string): StoreName {
  const latest = LATEST.exec(word);
  if (latest !== null) return latestRun(database, Number(latest[1] ?? 1));
  return whole(database, word) ?? labelled(database, word) ?? begun(database, word);
}

/** The only run with this label. @throws SetupError `ambiguous-id`. */
export function onlyRun(database: DatabaseSync, label: string): string {
  const rows = database.prepare('SELECT id, command AS about FROM run WHERE label = ? ORDER BY seq').all(label);
  const [only] = rows;
  if (only === undefined || rows.length > 1) throw ambiguous(`${quote(label)} is the label of`, rows);
  return String(only.id);
}

function latestRun(database: DatabaseSync, which: number): StoreName {
  const row = database.prepare('SELECT id FROM run ORDER BY seq DESC LIMIT 1 OFFSET ?').get(which - 1);
  if (row !== undefined) return { kind: 'run', id: String(row.id) };
  const many = Number(database.prepare('SELECT count(*) AS value FROM run').get()?.value);
  throw many === 0
    ? new SetupError('no-such-run', 'no run has been saved', 'save one: kmem-run --keep -- command')
    : new SetupError('no-such-run', `the store has only ${counted(many, 'run')}, not ${which}`, LIST);
}

function whole(database: DatabaseSync, word: string): StoreName | null {
  const isThere = (table: string) => database.prepare(`SELECT 1 FROM ${table} WHERE id = ?`).get(word) !== undefined;
  if (isThere('run')) return { kind: 'run', id: word };
  return isThere('experiment') ? { kind: 'experiment', id: word } : null;
}

function labelled(database: DatabaseSync, word: string): StoreName | null {
  const row = database.prepare('SELECT 1 FROM run WHERE label = ? LIMIT 1').get(word);
  return row === undefined ? null : { kind: 'label', id: word };
}

const BEGINNING = `
  SELECT 'run' AS kind, id, command AS about FROM run WHERE id >= $from AND id < $to
  UNION ALL
  SELECT 'experiment', id, kind FROM experiment WHERE id >= $from AND id < $to
  ORDER BY id`;

function begun(database: DatabaseSync, word: string): StoreName {
  // Sorts after every id with this prefix.
  const rows = word === '' ? [] : database.prepare(BEGINNING).all({ from: word, to: `${word}\u{10ffff}` });
  const [only] = rows;
  if (only === undefined) throw new SetupError('no-such-run', `no saved result is called ${quote(word)}`, LIST);
  if (rows.length > 1) throw ambiguous(`${quote(word)} is the beginning of`, rows);
  return { kind: only.kind as StoreName['kind'], id: String(only.id) };
}

function ambiguous(what: string, rows: readonly StoreRow[]): SetupError {
  const shown = rows.slice(0, SHOWN).map(({ id, about }) => `${id} (${unquoted(String(about))})`);
  const more = rows.length > SHOWN ? `, and ${rows.length - SHOWN} more` : '';
  return new SetupError(
    'ambiguous-id',
    `${what} ${rows.length} saved results: ${shown.join(', ')}${more}`,
    'use the full id of one of them',
  );
}

function unquoted(text: string): string {
  return quote(text, 30).slice(1, -1);
}

const LIST = 'list saved results: kmem-run history';
