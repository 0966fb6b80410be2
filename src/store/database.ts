/**
 * The file: opened, distinguished from other files, upgraded to the present version, read and written by several at
 * once.
 */

import { closeSync, openSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { pathToFileURL } from 'node:url';
import { findStateFolder } from '../../bin/cache-folder.js';
import { errnoOf, SetupError } from '../errors.ts';
import { openPlace, reasonOf } from '../host/open-place.ts';
import { absolute } from '../host/own-process.ts';
import { fsPath } from '../text/bytes.ts';
import { quote, shellWord } from '../text/quote.ts';
import { APPLICATION_ID } from './migrations.ts';
import { troubleOf, withStoreErrors } from './sqlite-errors.ts';

/** `look`: like `read`, but an older store is not upgraded, and a missing one does not count as empty. */
export type Access = 'read' | 'look' | 'write';

export type Opening = Readonly<{
  access: Access;
  /** The step from version N to N + 1 is at index N. */
  migrations: readonly string[];
  /** How long to wait for another writer. */
  busyMs: number;
}>;

/** @throws SetupError `no-store`, `store-newer`, `store-older`, `not-a-store`, and those of sqlite-errors.ts. */
export function openDatabase(location: Location, opening: Opening): DatabaseSync {
  return withStoreErrors(location.file, () =>
    opening.access === 'write' ? openForWriting(location, opening) : openForReading(location, opening),
  );
}

function openForWriting(location: Location, { migrations, busyMs }: Opening): DatabaseSync {
  makeFile(location);
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(fsPath(location.file), { timeout: busyMs });
  return closeOnThrow(database, () => {
    checkVersion(database, location.file, migrations.length);
    useWal(database, busyMs);
    migrate(database, migrations);
  });
}

function openForReading(location: Location, opening: Opening): DatabaseSync {
  const { file, named } = location;
  const { migrations, access } = opening;
  if (!fileExists(file)) {
    if (!named && access === 'read') return emptyStore(migrations);
    throw new SetupError(
      'no-store',
      `no such store: ${quote(file)}`,
      named
        ? 'check the name; kmem-run --store FILE -- command creates a store'
        : 'save a result first: kmem-run --keep -- command; or name a store: --store FILE',
    );
  }
  const database = openReadOnly(file, opening);
  let version = 0;
  closeOnThrow(database, () => {
    version = checkVersion(database, file, migrations.length);
  });
  if (version === migrations.length) return database;
  database.close();
  if (access === 'look' && version > 0) {
    throw new SetupError(
      'store-older',
      `the store ${quote(file)} was written by an earlier kmem-run: the store has version ${version}, and this kmem-run uses version ${migrations.length}`,
      `upgrade it: kmem-run history${named ? ` --store ${shellWord(file)}` : ''}`,
    );
  }
  // An older store is upgraded first; a file without tables stays as it is.
  return version === 0 ? emptyStore(migrations) : openForWriting(location, opening);
}

/** In WAL mode even a reader writes, beside the file; if it cannot, nobody else can be writing either. */
function openReadOnly(file: string, { busyMs }: Opening): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  const options = { readOnly: true, timeout: busyMs };
  const database = new DatabaseSync(fsPath(file), options);
  try {
    versionOf(database);
    return database;
  } catch (error) {
    database.close();
    const trouble = troubleOf(error);
    const left = statSync(fsPath(`${file}-wal`), { throwIfNoEntry: false })?.size ?? 0;
    if ((trouble !== 'notOpened' && trouble !== 'readOnly') || left > 0) throw error;
    return new DatabaseSync(new URL('?immutable=1', pathToFileURL(file)), options);
  }
}

function emptyStore(migrations: readonly string[]): DatabaseSync {
  const { DatabaseSync } = loadSqlite();
  const database = new DatabaseSync(':memory:');
  migrate(database, migrations);
  return database;
}

/** The version, 0 for a file without tables. */
function checkVersion(database: DatabaseSync, file: string, present: number): number {
  database.exec('PRAGMA trusted_schema = OFF');
  const tables = numberIn(database, 'SELECT count(*) AS value FROM sqlite_schema');
  if (
    tables > 0 &&
    numberIn(database, 'SELECT application_id AS value FROM pragma_application_id') !== APPLICATION_ID
  ) {
    throw new SetupError(
      'not-a-store',
      `${quote(file)} is a database, but not a kmem-run store`,
      'name a store, or a new file: --store FILE',
    );
  }
  const version = versionOf(database);
  if (version <= present) return version;
  throw new SetupError(
    'store-newer',
    `the store ${quote(file)} was written by a newer kmem-run: the store has version ${version}, and this kmem-run uses version ${present}`,
    'use that version, or name another file: --store FILE',
  );
}

/** If a step fails, the caller closes the database, which stays unchanged. */
function migrate(database: DatabaseSync, migrations: readonly string[]): void {
  if (versionOf(database) === migrations.length) return;
  // Takes the write lock at once: if two began by reading, they could not both go on to write.
  database.exec('BEGIN IMMEDIATE');
  // Read again: another runner may have migrated it meanwhile.
  const version = versionOf(database);
  for (const step of migrations.slice(version)) database.exec(step);
  if (version < migrations.length) database.exec(`PRAGMA user_version = ${migrations.length}`);
  database.exec('COMMIT');
}

function versionOf(database: DatabaseSync): number {
  return numberIn(database, 'SELECT user_version AS value FROM pragma_user_version');
}

function numberIn(database: DatabaseSync, query: string): number {
  return Number(database.prepare(query).get()?.value);
}

/**
 * Readers and a writer do not wait for each other; a saved result survives a killed runner, but perhaps not a power
 * cut. If the file system does not support WAL (some network ones), SQLite keeps its rollback journal.
 */
function useWal(database: DatabaseSync, busyMs: number): void {
  if (database.prepare('PRAGMA journal_mode').get()?.journal_mode !== 'wal') {
    // SQLite itself does not wait if two do this at once.
    retryWhileBusy(busyMs, () => database.exec('PRAGMA journal_mode = WAL'));
  }
  database.exec('PRAGMA synchronous = NORMAL');
}

function retryWhileBusy(busyMs: number, work: () => void): void {
  const end = performance.now() + busyMs;
  for (;;) {
    try {
      work();
      return;
    } catch (error) {
      if (troubleOf(error) !== 'busy' || performance.now() > end) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
    }
  }
}

const RETRY_MS = 10;

/** SQLite would let the umask decide who may read it. SQLite treats an empty file as a new database. */
function makeFile({ file, named }: Location): void {
  try {
    closeSync(openSync(fsPath(file), 'wx', named ? 0o666 : 0o600));
  } catch (error) {
    const errno = errnoOf(error);
    if (errno === 'EEXIST') return;
    throw new SetupError(
      'store-not-opened',
      `the store ${quote(file)} cannot be created (${errno})`,
      'name a file in an existing, writable folder: --store FILE',
      { cause: error },
    );
  }
}

function closeOnThrow(database: DatabaseSync, work: () => void): DatabaseSync {
  try {
    work();
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}

/** Loaded when a store is opened, after the command has exited. */
function loadSqlite(): typeof import('node:sqlite') {
  const { emitWarning } = process;
  // Node before 24.15 prints on stderr that SQLite is experimental.
  process.emitWarning = () => {};
  try {
    return process.getBuiltinModule('node:sqlite');
  } finally {
    process.emitWarning = emitWarning;
  }
}

export type Location = Readonly<{
  /** Absolute. */
  file: string;
  /** Named by the user, who then decides who may read it; otherwise it is in the private state folder. */
  named: boolean;
}>;

/** Null: the user's own store. @throws SetupError `no-state-folder`, `bad-store`. */
export function locate(file: string | null): Location {
  if (file === null) return { file: join(stateFolder(), 'store.sqlite'), named: false };
  if (file === '' || file.includes('\0')) throw badStore(`${quote(file)} is not the path of a store`);
  const location = { file: absolute(file), named: true };
  refuseOthersLinks(location.file);
  if (fileExists(location.file) && !statSync(fsPath(location.file)).isFile())
    throw badStore(`${quote(file)} is not a regular file`);
  return location;
}

/** Matters as root: SQLite follows every link. @throws SetupError `bad-store`. */
function refuseOthersLinks(file: string): void {
  try {
    openPlace(file).close();
  } catch (error) {
    // Other errors are reported when the store is opened.
    if (errnoOf(error) === 'EPERM') throw badStore(`the store ${quote(file)} is not used: ${reasonOf(error)}`);
  }
}

/** @throws SetupError `bad-store` if it is unknown. */
export function fileExists(file: string): boolean {
  try {
    return statSync(fsPath(file), { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    throw badStore(`the store ${quote(file)} cannot be looked up (${errnoOf(error)})`);
  }
}

function stateFolder(): string {
  const { folder, reason } = findStateFolder();
  if (folder !== null) return folder;
  throw new SetupError(
    'no-state-folder',
    `no private folder to save results in${reason === null ? '' : ` (${reason})`}`,
    'set XDG_STATE_HOME to a folder that only you can write to, or name a file: --store FILE',
  );
}

function badStore(message: string): SetupError {
  return new SetupError('bad-store', message, 'name the file of a store, or a new one in an existing folder');
}
