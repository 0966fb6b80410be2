import { DatabaseSync } from 'node:sqlite';
import test from 'ava';
import { openStore } from '../../src/store/store.ts';
import {
  apacheStopFails,
  failure,
  HOSTILE_TEXT,
  hostile,
  result,
  setupError,
  storm,
  unread,
} from '../fixtures/results.ts';
import { experiment, makeStore, saveRuns, timeOf } from './folder.ts';

test('a result reads back complete, whatever it contains', (t) => {
  const store = makeStore(t);
  const made = [result(), apacheStopFails(), unread(), setupError(), storm(), hostile()];
  for (const [index, one] of made.entries()) {
    const id = `run${index}`;
    t.is(store.saveRun({ result: { ...one, id }, experimentId: null }), id);
    t.deepEqual(store.run(id).result, { ...one, id });
  }
  t.deepEqual(
    [...store.allRuns()].map((run) => run.result.id),
    made.map((_, index) => `run${index}`),
  );
});

test('the listed fields of a run match its result', (t) => {
  const store = makeStore(t);
  const native = { mode: 'native', vm: { kernel: '5.10.0-46-amd64', accel: 'tcg', bootMs: null } } as const;
  store.saveRun({
    result: result({ enforcement: native, outcome: 'failed', failures: [failure()], kmem: { failcnt: 3 } }),
    experimentId: null,
    label: 'before',
  });
  t.deepEqual(store.list({}), [
    {
      id: '20250102-030405-abcdef',
      experimentId: null,
      point: null,
      repeat: null,
      label: 'before',
      startedAt: '2025-01-02T03:04:05.678Z',
      command: 'apachectl start',
      outcome: 'failed',
      kmemLimit: 4_194_304,
      maxUsage: 2_637_824,
      failcnt: 3,
      firstFailing: 'apache2: mmap /usr/lib/apache2/modules/mod_negotiation.so',
      kernel: '5.10.0-46-amd64',
      mode: 'native',
      layout: 'hybrid',
    },
  ]);
});

test('figures that could not be read are null, not 0', (t) => {
  const store = makeStore(t);
  store.saveRun({ result: setupError(), experimentId: null });
  t.like(store.list({})[0], { maxUsage: null, failcnt: null, firstFailing: null, mode: null, layout: null });
});

test('lists are filtered, latest first', (t) => {
  const store = makeStore(t);
  store.saveExperiment(experiment());
  const ids = (filter: Parameters<typeof store.list>[0]) => store.list(filter).map(({ id }) => id);
  store.saveRun({ result: result({ id: 'a', startedAt: timeOf(3) }), experimentId: null, label: 'x' });
  store.saveRun({ result: result({ id: 'b', startedAt: timeOf(1), outcome: 'failed' }), experimentId: null });
  store.saveRun({
    result: result({ id: 'c', startedAt: timeOf(2), spec: { command: ['%_'] } }),
    experimentId: 'sweep1',
  });
  t.deepEqual(ids({}), ['a', 'c', 'b']);
  t.deepEqual(ids({ limit: 2 }), ['a', 'c']);
  t.deepEqual(ids({ outcome: 'failed' }), ['b']);
  t.deepEqual(ids({ command: 'ctl st' }), ['a', 'b']);
  t.deepEqual(ids({ command: '%' }), ['c'], 'no pattern');
  t.deepEqual(ids({ label: 'x' }), ['a']);
  t.deepEqual(ids({ experimentId: 'sweep1' }), ['c']);
  t.deepEqual(ids({ experimentId: null }), ['a', 'b']);
  t.deepEqual(ids({ command: 'no such' }), []);
});

test('the runs of an experiment are read in the order in which they ended', (t) => {
  const store = makeStore(t);
  store.saveExperiment(experiment());
  t.deepEqual(store.experiment('sweep1'), { ...experiment(), summary: null, runs: 0 });
  // More than are prefetched.
  for (let index = 0; index < 50; index++) {
    const made = result({ id: `r${(index * 7) % 50}`, startedAt: timeOf(50 - index) });
    store.saveRun({ result: made, experimentId: 'sweep1', point: index % 5, repeat: Math.floor(index / 5) });
  }
  saveRuns(store, 'alone');
  const runs = [...store.runsOf('sweep1')];
  t.deepEqual(
    runs.map((run) => run.result.id),
    Array.from({ length: 50 }, (_, index) => `r${(index * 7) % 50}`),
  );
  t.like(runs[13], { experimentId: 'sweep1', point: 3, repeat: 2, label: null });
  store.updateExperiment('sweep1', { status: 'done', summary: { limit: 2_637_824 } });
  t.deepEqual(store.experiment('sw'), {
    ...experiment({ status: 'done' }),
    summary: { limit: 2_637_824 },
    runs: 50,
  });
  t.deepEqual(store.experiments({ command: 'apachectl start' }), [store.experiment('sweep1')]);
  t.deepEqual(store.experiments({ command: 'nginx' }), []);
});

test('runs can be saved while others are read', (t) => {
  const store = makeStore(t);
  saveRuns(store, ...Array.from({ length: 20 }, (_, index) => `a${index}`));
  let read = 0;
  for (const run of store.allRuns()) {
    read += 1;
    if (run.result.id === 'a3') saveRuns(store, 'late');
  }
  t.is(read, 21);
});

test('an id may be shortened to any unique prefix', (t) => {
  const store = makeStore(t);
  saveRuns(store, '31a4467ea2d1', '31ff00000000', '60c7c3cd0e1f', '60c7');
  t.is(store.run('31a').result.id, '31a4467ea2d1');
  t.is(store.run('60c7').result.id, '60c7', 'a whole id is no beginning');
  t.throws(() => store.run('31'), {
    code: 'ambiguous-id',
    message: '"31" is the beginning of 2 saved results: 31a4467ea2d1 (apachectl start), 31ff00000000 (apachectl start)',
  });
  for (const none of ['7', '31a4467ea2d10', '', '%', '_', '31A4', HOSTILE_TEXT]) {
    t.throws(() => store.run(none), { code: 'no-such-run' }, none);
  }
});

test('@ is the run that ended last, @2 the one before', (t) => {
  const store = makeStore(t);
  t.throws(() => store.run('@'), { code: 'no-such-run', message: 'no run has been saved' });
  saveRuns(store, 'x1', 'x2', 'x3');
  t.is(store.run('@').result.id, 'x3');
  t.is(store.run('@3').result.id, 'x1');
  t.throws(() => store.run('@4'), { code: 'no-such-run', message: 'the store has only 3 runs, not 4' });
  t.throws(() => store.run('@0'), { code: 'no-such-run' });
});

test('a label names all runs that have it, but an id takes precedence', (t) => {
  const store = makeStore(t);
  for (const id of ['r1', 'r2']) store.saveRun({ result: result({ id }), experimentId: null, label: 'before' });
  store.saveRun({ result: result({ id: 'r3' }), experimentId: null, label: 'r1' });
  store.saveRun({ result: result({ id: 'beforehand' }), experimentId: null, label: 'one' });
  const ids = (word: string) => [...store.runsNamed(store.find(word))].map((run) => run.result.id);
  t.deepEqual(ids('before'), ['r1', 'r2']);
  t.deepEqual(ids('r1'), ['r1']);
  t.deepEqual(ids('beforeh'), ['beforehand']);
  t.is(store.run('one').result.id, 'beforehand');
  t.throws(() => store.run('before'), {
    code: 'ambiguous-id',
    message: /^"before" is the label of 2 saved results: r1 \(/,
  });
});

test('an experiment’s id is not a run’s id, and vice versa', (t) => {
  const store = makeStore(t);
  store.saveExperiment(experiment({ id: 'aa1' }));
  saveRuns(store, 'aa2');
  t.throws(() => store.run('aa1'), { code: 'no-such-run', message: '"aa1" is an experiment' });
  t.throws(() => store.experiment('aa2'), { code: 'no-such-experiment' });
  t.throws(() => store.find('aa'), { code: 'ambiguous-id', message: /aa1 \(sweep\), aa2 \(apachectl start\)$/ });
  t.throws(() => store.updateExperiment('aa2', { status: 'done', summary: null }), { code: 'no-such-experiment' });
});

test('nothing is saved twice or for a missing experiment', (t) => {
  const store = makeStore(t);
  saveRuns(store, 'one');
  t.throws(() => saveRuns(store, 'one'), { code: 'already-kept' });
  store.saveExperiment(experiment());
  t.throws(() => store.saveExperiment(experiment()), { code: 'already-kept' });
  t.throws(() => store.saveRun({ result: result({ id: 'two' }), experimentId: 'other' }), {
    code: 'no-such-experiment',
  });
  t.deepEqual(
    store.list({}).map(({ id }) => id),
    ['one'],
  );
});

test('control characters in saved data do not reach an error', (t) => {
  const store = makeStore(t);
  for (const id of ['h1', 'h2']) store.saveRun({ result: { ...hostile(), id }, experimentId: null });
  const error = t.throws(() => store.run('h'));
  t.notRegex(error?.message ?? '\n', /\p{Cc}/u);
});

test('results of a newer schema and damaged results are reported', (t) => {
  const store = makeStore(t);
  saveRuns(store, 'newer', 'broken', 'odd', 'renamed');
  const other = new DatabaseSync(store.file);
  other.exec(`UPDATE run SET result = '{"schemaVersion":2}' WHERE id = 'newer'`);
  other.exec(`UPDATE run SET result = substr(result, 1, 100) WHERE id = 'broken'`);
  other.exec(`UPDATE run SET result = '[]' WHERE id = 'odd'`);
  other.exec(`UPDATE run SET result = json_remove(result, '$.id') WHERE id = 'renamed'`);
  other.close();
  t.throws(() => store.run('newer'), {
    code: 'result-newer',
    message: /^run newer was saved by a newer kmem-run: its result uses schema version 2, and this kmem-run reads 1$/,
  });
  t.throws(() => store.run('broken'), { code: 'store-damaged', message: /the result of run broken cannot be read/ });
  t.throws(() => store.run('odd'), { code: 'store-damaged', message: /run odd is not a result/ });
  t.throws(() => store.run('renamed'), {
    code: 'store-damaged',
    message: /saved data of run renamed is not a result of that run/,
  });
  t.is(store.list({}).length, 4, 'they are still listed');
});

test('using a closed store is an internal error, not a store error', (t) => {
  const store = makeStore(t);
  store.close();
  t.throws(() => store.list({}), { message: /database is not open/ });
});

test('a store opened for reading rejects writes', (t) => {
  const store = makeStore(t);
  saveRuns(store, 'one');
  const reader = openStore(store.file, 'read');
  t.is(reader.run('one').result.id, 'one');
  t.throws(() => saveRuns(reader, 'two'), { code: 'store-read-only' });
  saveRuns(store, 'three');
  t.is(reader.list({}).length, 2, 'it sees what is written meanwhile');
  reader.close();
});
