import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import test, { type ExecutionContext } from 'ava';
import { type Access, openDatabase } from '../../src/store/database.ts';
import { migrations } from '../../src/store/migrations.ts';
import { openStore } from '../../src/store/store.ts';
import { result } from '../fixtures/results.ts';
import { canActAsOthers, where } from '../needs.ts';
import { makeFolder, saveRuns } from './folder.ts';

const testAsRoot = where(canActAsOthers, 'root', test);

function makeFilled(t: ExecutionContext, ...ids: string[]) {
  const file = join(makeFolder(t), 'a.sqlite');
  const store = openStore(file);
  saveRuns(store, ...ids);
  store.close();
  return file;
}

function open(file: string, steps: readonly string[], access: Access = 'write') {
  return openDatabase({ file, named: true }, { access, migrations: steps, busyMs: 1000 });
}

function value(database: DatabaseSync, query: string) {
  return Object.values(database.prepare(query).get() ?? {})[0];
}

/** As a later kmem-run would define them. */
const later = [
  ...migrations,
  "ALTER TABLE run ADD COLUMN host TEXT NOT NULL DEFAULT 'here'",
  'CREATE TABLE note (run_id TEXT, words TEXT) STRICT; INSERT INTO note SELECT id, host FROM run',
];

test('stores of every released version can be read and written', (t) => {
  const dumps = readdirSync(import.meta.dirname).filter((name) => /^store-v\d+\.sql$/.test(name));
  t.true(dumps.length >= 1);
  for (const dump of dumps) {
    const file = join(makeFolder(t), 'old.sqlite');
    const old = new DatabaseSync(file);
    old.exec(readFileSync(join(import.meta.dirname, dump), 'utf8'));
    t.is(value(old, 'PRAGMA user_version'), Number(/\d+/.exec(dump)?.[0]), dump);
    old.close();
    const store = openStore(file);
    t.is(store.run('@').result.outcome, 'passed', dump);
    t.is(store.experiments({})[0]?.kind, 'sweep', dump);
    saveRuns(store, 'new');
    t.is(store.list({}).length, 2, dump);
    store.close();
  }
});

test('an older store is migrated step by step to the current version, keeping its contents', (t) => {
  const file = makeFilled(t, 'one', 'two');
  const database = open(file, later);
  t.is(value(database, 'PRAGMA user_version'), 3);
  t.is(value(database, "SELECT group_concat(run_id || ' ' || words) FROM note"), 'one here,two here');
  database.close();
  open(file, later).close();
});

test('reading an older store also migrates it', (t) => {
  const file = makeFilled(t, 'one');
  const database = open(file, later, 'read');
  t.is(value(database, 'SELECT count(*) FROM note'), 1);
  database.close();
});

test('a failed migration leaves the store unchanged', (t) => {
  const file = makeFilled(t, 'one');
  t.throws(() => open(file, [...later, 'SELECT nothing FROM nowhere']), { code: 'store-failed' });
  const store = openStore(file);
  t.is(store.run('one').result.id, 'one');
  store.close();
  const plain = new DatabaseSync(file);
  t.is(value(plain, 'PRAGMA user_version'), 1);
  plain.close();
});

test('a store of a newer version is refused and left alone', (t) => {
  const file = makeFilled(t, 'one');
  open(file, later).close();
  const before = readFileSync(file);
  for (const access of ['read', 'write'] as const) {
    t.throws(() => openStore(file, access), {
      code: 'store-newer',
      message: /was written by a newer kmem-run: the store has version 3, and this kmem-run uses version 1$/,
    });
  }
  t.deepEqual(readFileSync(file), before);
});

test('another program’s database is refused and left alone', (t) => {
  const file = join(makeFolder(t), 'other.sqlite');
  const other = new DatabaseSync(file);
  other.exec('CREATE TABLE moz_places (url TEXT); PRAGMA user_version = 77');
  other.close();
  const before = readFileSync(file);
  for (const access of ['read', 'write'] as const) t.throws(() => openStore(file, access), { code: 'not-a-store' });
  t.deepEqual(readFileSync(file), before);
});

test('a file that is not a database is refused and left alone', (t) => {
  const file = join(makeFolder(t), 'result.json');
  writeFileSync(file, JSON.stringify(result()));
  const before = readFileSync(file);
  for (const access of ['read', 'write'] as const) {
    t.throws(() => openStore(file, access), {
      code: 'store-damaged',
      message: /cannot be used: it is damaged or not a store \(file is not a database\)$/,
    });
  }
  t.deepEqual(readFileSync(file), before);
});

test('a truncated or overwritten store causes a clear error', (t) => {
  const ids = Array.from({ length: 200 }, (_, index) => `run${index}`);
  const cut = makeFilled(t, ...ids);
  truncateSync(cut, 3 * 4096 + 100);
  t.throws(() => saveAndList(cut), { code: 'store-damaged' });

  const file = makeFilled(t, ...ids);
  const bytes = readFileSync(file);
  bytes.fill(0xff, 4096);
  writeFileSync(file, bytes);
  t.throws(() => saveAndList(file), { code: 'store-damaged', message: /malformed/ });
});

function saveAndList(file: string): void {
  const store = openStore(file);
  try {
    saveRuns(store, 'more');
    for (const _ of store.allRuns());
  } finally {
    store.close();
  }
}

test('anything but a regular file is refused', (t) => {
  const folder = makeFolder(t);
  for (const file of [folder, '/dev/null', '', 'a\0b', `${folder}/x/y/../z\0`]) {
    t.throws(() => openStore(file), { code: 'bad-store' }, JSON.stringify(file));
  }
  writeFileSync(join(folder, 'file'), '');
  t.throws(() => openStore(join(folder, 'none', 'a.sqlite')), { code: 'store-not-opened', message: /ENOENT/ });
  t.throws(() => openStore(join(folder, 'file', 'a.sqlite')), { code: 'store-not-opened', message: /ENOTDIR/ });
});

test('a missing named store is an error; a missing default store is empty', (t) => {
  const folder = makeFolder(t);
  t.throws(() => openStore(join(folder, 'none'), 'read'), { code: 'no-store' });
  t.deepEqual(readdirSync(folder), []);
  const { stdout, stderr } = withStateIn(join(folder, 'state'), "openStore(null, 'read').list({}).length");
  t.is(stdout, '0\n', stderr);
  t.deepEqual(readdirSync(join(folder, 'state', 'kmem-run')), [], 'reading makes no file');
});

test('an empty file becomes a store on the first write; reading leaves it empty', (t) => {
  const file = join(makeFolder(t), 'empty');
  writeFileSync(file, '');
  const reader = openStore(file, 'read');
  t.deepEqual(reader.list({}), []);
  reader.close();
  t.is(statSync(file).size, 0);
  const store = openStore(file);
  saveRuns(store, 'one');
  store.close();
  t.true(statSync(file).size > 0);
});

test('the default store is private under any umask; a named one follows the umask', (t) => {
  const folder = makeFolder(t);
  const make = '(process.umask(0), openStore(null).saveRun({ result, experimentId: null }))';
  const { stdout, stderr } = withStateIn(join(folder, 'state'), make);
  t.is(stdout, '20250102-030405-abcdef\n', stderr);
  const own = join(folder, 'state', 'kmem-run');
  t.is(statSync(own).mode & 0o777, 0o700);
  // Not closed above, so the log's files exist, too.
  t.deepEqual(
    readdirSync(own).map((name) => [name, (statSync(join(own, name)).mode & 0o777).toString(8)]),
    ['store.sqlite', 'store.sqlite-shm', 'store.sqlite-wal'].map((name) => [name, '600']),
  );
  const named = join(folder, 'named.sqlite');
  withStateIn(join(folder, 'state'), `(process.umask(0o027), openStore(${JSON.stringify(named)}))`);
  t.is(statSync(named).mode & 0o777, 0o640);
});

test('a state folder writable by others is refused, and nothing is saved elsewhere', (t) => {
  const state = join(makeFolder(t), 'state');
  const own = join(state, 'kmem-run');
  mkdirSync(own, { recursive: true });
  chmodSync(own, 0o777);
  const { stdout, stderr } = withStateIn(state, 'openStore(null).file');
  t.is(stdout, '');
  t.true(stderr.includes(`no private folder to save results in (others can write ${own})`), stderr);
  t.false(existsSync(join(state, '.local')));
});

test('without XDG_STATE_HOME, the store is in the home folder', (t) => {
  const home = join(makeFolder(t), 'home');
  const { stdout, stderr } = withStateIn(home, 'openStore(null).file', { XDG_STATE_HOME: 'relative' });
  t.is(stdout, `${join(home, '.local', 'state', 'kmem-run', 'store.sqlite')}\n`, stderr);
});

/**
 * Prints the value of `expression` in a process with that state folder, which is killed before it can close anything.
 */
function withStateIn(state: string, expression: string, changes: NodeJS.ProcessEnv = {}) {
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../../src/store/store.ts', import.meta.url).href)};
    import { result as make } from ${JSON.stringify(new URL('../fixtures/results.ts', import.meta.url).href)};
    import { writeSync } from 'node:fs';
    const result = make();
    writeSync(1, String(${expression}) + '\\n');
    process.kill(process.pid, 'SIGKILL');`;
  mkdirSync(state, { recursive: true });
  const env = { ...process.env, XDG_STATE_HOME: state, HOME: state, ...changes };
  return spawnSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' });
}

test('results saved before a SIGKILL survive', (t) => {
  const state = join(makeFolder(t), 'state');
  const { status, signal } = withStateIn(state, 'openStore(null).saveRun({ result, experimentId: null })');
  t.deepEqual({ status, signal }, { status: null, signal: 'SIGKILL' });
  const store = openStore(join(state, 'kmem-run', 'store.sqlite'), 'read');
  t.is(store.run('@').result.id, '20250102-030405-abcdef');
  store.close();
});

/** A file system that is read-only, except for the started script. */
const READ_ONLY = 'mkdir -p ro && mount --bind . ro && mount -o remount,bind,ro ro && cd ro && exec "$@"';

/** Prints the value of `expression` with the store `a.sqlite` on a read-only file system, or the error's code. */
function onReadOnly(file: string, expression: string): string {
  const folder = join(file, '..');
  const script = `
    import { openStore } from ${JSON.stringify(new URL('../../src/store/store.ts', import.meta.url).href)};
    import { openDatabase } from ${JSON.stringify(new URL('../../src/store/database.ts', import.meta.url).href)};
    try { console.log(String(${expression})); } catch (error) { console.log(error.code + ': ' + error.message); }`;
  const words = [process.execPath, '--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync('unshare', ['-m', 'sh', '-ec', READ_ONLY, 'sh', ...words], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout.trim() || stderr;
}

testAsRoot('a store on a read-only file system can be read but not written', (t) => {
  const file = makeFilled(t, 'one', 'two');
  t.is(onReadOnly(file, "openStore('a.sqlite', 'read').run('two').result.id"), 'two');
  t.regex(
    onReadOnly(file, "openStore('a.sqlite')"),
    /^store-read-only: the store .* cannot be used: it cannot be written/,
  );
  t.regex(onReadOnly(file, "openStore('new.sqlite')"), /^store-not-opened: .*EROFS/);
  t.deepEqual(readdirSync(join(file, '..')).toSorted(), ['a.sqlite', 'ro']);
});

testAsRoot('an older store on a read-only file system cannot be migrated and is an error', (t) => {
  const file = makeFilled(t, 'one');
  const steps = JSON.stringify(later);
  const opened = `openDatabase({ file: 'a.sqlite', named: true }, { access: 'read', migrations: ${steps}, busyMs: 100 })`;
  t.regex(onReadOnly(file, opened), /^store-read-only: /);
});

testAsRoot('a log beside a read-only store is not ignored', (t) => {
  // A runner was killed: its last saved result is only in the log.
  const file = makeFilled(t, 'one');
  const store = openStore(file);
  saveRuns(store, 'late');
  const folder = makeFolder(t);
  for (const end of ['', '-wal']) copyFileSync(`${file}${end}`, join(folder, `a.sqlite${end}`));
  store.close();
  t.regex(onReadOnly(join(folder, 'a.sqlite'), "openStore('a.sqlite', 'read').list({}).length"), /^store-read-only: /);
});

test('a link to a store is followed', (t) => {
  const file = makeFilled(t, 'one');
  const link = join(makeFolder(t), 'link');
  symlinkSync(file, link);
  const store = openStore(link);
  t.is(store.run('one').result.id, 'one');
  store.close();
});

test('if another program holds the store, opening waits, then reports it', (t) => {
  const file = makeFilled(t, 'one');
  const holder = new DatabaseSync(file);
  holder.exec('BEGIN IMMEDIATE');
  t.throws(() => open(file, later), { code: 'store-busy', message: /another program has held it locked for too long/ });
  holder.exec('ROLLBACK');
  holder.close();
  open(file, later).close();
});

// Serial, so that no other test interferes while the lock is held.
test.serial('opening waits for another program even if SQLite itself would not', async (t) => {
  const file = makeFilled(t, 'one');
  // Not in WAL mode, as a copy made by another tool may be: opening it sets the mode.
  const plain = new DatabaseSync(file);
  plain.exec('PRAGMA journal_mode = DELETE');
  plain.close();
  const holder = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, file]);
  t.teardown(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  const store = openStore(file);
  t.is(store.run('one').result.id, 'one');
  store.close();
});

const HOLDER = `
  import { DatabaseSync } from 'node:sqlite';
  const database = new DatabaseSync(process.argv[1]);
  database.exec('BEGIN IMMEDIATE');
  console.log('held');
  setTimeout(() => database.exec('ROLLBACK'), 500);`;

test('a run loads neither node:sqlite nor node:crypto; a store loads only node:sqlite', (t) => {
  const script = `
    await import(${JSON.stringify(new URL('../../src/commands/run.ts', import.meta.url).href)});
    const { openStore } = await import(${JSON.stringify(new URL('../../src/store/keep.ts', import.meta.url).href)})
      .then(() => import(${JSON.stringify(new URL('../../src/store/store.ts', import.meta.url).href)}));
    const loaded = () => process.moduleLoadList.filter((name) => /^NativeModule (sqlite|crypto)$/.test(name)).join();
    console.log(loaded());
    openStore(${JSON.stringify(join(makeFolder(t), 'a'))}).close();
    console.log(loaded());`;
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  t.deepEqual({ stdout, stderr }, { stdout: '\nNativeModule sqlite\n', stderr: '' });
});
