/**
 * Results saved in SQLite. Synchronous: each call takes a fraction of a millisecond, unless another runner is writing.
 */

import type { DatabaseSync, SQLInputValue } from 'node:sqlite';
import { SetupError } from '../errors.ts';
import type { StoredRun } from '../statistics/sample.ts';
import { withShownBytes } from '../text/bytes.ts';
import { quote } from '../text/quote.ts';
import { browse, WORDS } from './browse.ts';
import { columnsOf, experimentOf, runOf, type StoreRow, SUMMARY_COLUMNS, summaryOf } from './columns.ts';
import { type Access, locate, openDatabase } from './database.ts';
import { migrations } from './migrations.ts';
import { findNamed, onlyRun } from './names.ts';
import { withStoreErrors } from './sqlite-errors.ts';
import type { ExperimentFilter, RunFilter, Store, StoreName } from './types.ts';

const TIMEOUT_MS = 10_000;
/** Results are up to a megabyte each: at most this many are read ahead. */
const READ_AHEAD = 16;

const RUN_COLUMNS = 'seq, id, experiment_id, point, repeat, label, result';
const EXPERIMENT_COLUMNS = '*, (SELECT count(*) FROM run WHERE experiment_id = experiment.id) AS runs';

/**
 * Opens the store in a file, or the user's own for null; it is made where it is not there. Loads node:sqlite: never call
 * it while a measured command runs for the first time. With `access` read nothing is made or written, and where the
 * user's own store does not exist it is as an empty one; with `look` there is then none.
 *
 * All its functions throw SetupError: `store-full`, `store-read-only`, `store-damaged`, `store-busy`, `store-io`,
 * `store-not-opened`, `store-failed`; opening also `store-newer`, `store-older`, `not-a-store`, `bad-store`, `no-store`, `no-state-folder`.
 */
export function openStore(file: string | null, access: Access = 'write'): Store {
  const location = locate(file);
  const database = openDatabase(location, { access, migrations, busyMs: TIMEOUT_MS });
  const store = storeIn(database, location.file);
  return { ...withErrorsOf(location.file, store), file: location.file };
}

function storeIn(database: DatabaseSync, file: string): Omit<Store, 'file'> {
  const insertRun = insertInto(database, 'run');
  const runs = (where: string, ...values: SQLInputValue[]) => paged(database, file, where, values);
  return {
    saveRun(run) {
      const columns = columnsOf(run);
      if (isThere(database, 'run', columns.id)) throw alreadyKept('run', columns.id);
      if (run.experimentId !== null && !isThere(database, 'experiment', run.experimentId))
        throw noSuch(run.experimentId);
      insertRun(columns);
      return columns.id;
    },
    saveExperiment({ id, kind, command, spec, seed, startedAt, status }) {
      if (isThere(database, 'experiment', id)) throw alreadyKept('experiment', id);
      const texts = { command: JSON.stringify(command.map(withShownBytes)), spec: JSON.stringify(spec ?? null) };
      insertInto(database, 'experiment')({ id, kind, ...texts, seed, started_at: startedAt, status });
    },
    updateExperiment(id, { status, summary }) {
      const update = database.prepare('UPDATE experiment SET status = ?, summary = ? WHERE id = ?');
      if (Number(update.run(status, JSON.stringify(summary ?? null), id).changes) === 0) throw noSuch(id);
    },
    experiment(idOrPrefix) {
      const { kind, id } = findNamed(database, idOrPrefix);
      if (kind !== 'experiment') throw noSuch(idOrPrefix);
      return experimentOf(one(database, `SELECT ${EXPERIMENT_COLUMNS} FROM experiment WHERE id = ?`, id), file);
    },
    runsOf: (experimentId) => runs('experiment_id = ?', experimentId),
    allRuns: () => runs('TRUE'),
    list: (filter) => listRuns(database, filter).map(summaryOf),
    experiments: (filter) => listExperiments(database, filter).map((row) => experimentOf(row, file)),
    run(idOrPrefix) {
      const { kind, id } = findNamed(database, idOrPrefix);
      if (kind === 'experiment') {
        throw new SetupError(
          'no-such-run',
          `${quote(id)} is an experiment`,
          `list its runs: kmem-run history --experiment ${id}`,
        );
      }
      const run = kind === 'label' ? onlyRun(database, id) : id;
      return runOf(one(database, `SELECT ${RUN_COLUMNS} FROM run WHERE id = ?`, run), file);
    },
    browse: (query) => browse(database, query),
    changes: () => Number(database.prepare('PRAGMA data_version').get()?.data_version),
    find: (word) => findNamed(database, word),
    runsNamed: ({ kind, id }: StoreName) =>
      runs({ run: 'id = ?', experiment: 'experiment_id = ?', label: 'label = ?' }[kind], id),
    close: () => database.close(),
  };
}

/** Each function rethrows SQLite's errors as a SetupError that names the file. */
function withErrorsOf<T extends object>(file: string, functions: T): T {
  const entries = Object.entries(functions).map(([name, work]) => [
    name,
    (...values: unknown[]) => withStoreErrors(file, () => work(...values)),
  ]);
  return Object.fromEntries(entries);
}

function* paged(
  database: DatabaseSync,
  file: string,
  where: string,
  values: readonly SQLInputValue[],
): Iterable<StoredRun> {
  // Not one statement for all rows: while it is open, the log of other writers cannot be folded back into the file.
  const query = `SELECT ${RUN_COLUMNS} FROM run WHERE (${where}) AND seq > ? ORDER BY seq LIMIT ${READ_AHEAD}`;
  let last = 0;
  for (;;) {
    const rows = withStoreErrors(file, () => database.prepare(query).all(...values, last));
    for (const row of rows) yield runOf(row, file);
    if (rows.length < READ_AHEAD) return;
    last = Number(rows.at(-1)?.seq);
  }
}

function listRuns(database: DatabaseSync, filter: RunFilter): StoreRow[] {
  const conditions = conditionsOf([
    ['instr(command, ?) > 0', filter.command],
    ['outcome = ?', filter.outcome],
    ['label = ?', filter.label],
    ['experiment_id = ?', filter.experimentId],
  ]);
  const alone = filter.experimentId === null ? ' AND experiment_id IS NULL' : '';
  const query = `SELECT ${SUMMARY_COLUMNS} FROM run WHERE ${conditions.where}${alone} ORDER BY started_at DESC, seq DESC LIMIT ?`;
  return database.prepare(query).all(...conditions.values, filter.limit ?? -1);
}

function listExperiments(database: DatabaseSync, filter: ExperimentFilter): StoreRow[] {
  const { where, values } = conditionsOf([[`instr(${WORDS}, ?) > 0`, filter.command]]);
  const query = `SELECT ${EXPERIMENT_COLUMNS} FROM experiment WHERE ${where} ORDER BY started_at DESC, id LIMIT ?`;
  return database.prepare(query).all(...values, filter.limit ?? -1);
}

function conditionsOf(conditions: readonly (readonly [string, string | null | undefined])[]) {
  const given = conditions.filter(([, value]) => value !== null && value !== undefined);
  const where = given.map(([condition]) => condition).join(' AND ') || 'TRUE';
  return { where, values: given.map(([, value]) => value as string) };
}

function insertInto(database: DatabaseSync, table: string): (columns: Record<string, SQLInputValue>) => void {
  let statement: ReturnType<DatabaseSync['prepare']> | null = null;
  return (columns) => {
    const names = Object.keys(columns);
    statement ??= database.prepare(
      `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map((name) => `$${name}`).join(', ')})`,
    );
    statement.run(columns);
  };
}

function isThere(database: DatabaseSync, table: string, id: string): boolean {
  return database.prepare(`SELECT 1 FROM ${table} WHERE id = ?`).get(id) !== undefined;
}

function one(database: DatabaseSync, query: string, id: string): StoreRow {
  const row = database.prepare(query).get(id);
  // It was found a moment ago.
  if (row === undefined) throw noSuch(id);
  return row;
}

function alreadyKept(what: string, id: string): SetupError {
  return new SetupError(
    'already-kept',
    `${what} ${id} is already in the store`,
    `show the saved result: kmem-run show ${id}`,
  );
}

function noSuch(id: string): SetupError {
  return new SetupError(
    'no-such-experiment',
    `no saved experiment is called ${quote(id)}`,
    'list saved results: kmem-run history',
  );
}
