import { join } from 'node:path';
import test from 'ava';
import fc from 'fast-check';
import { openStore } from '../../src/store/store.ts';
import { type BrowseQuery, SORTS } from '../../src/store/types.ts';
import { result } from '../fixtures/results.ts';
import { experiment, makeFolder, makeStore, saveRuns, timeOf } from './folder.ts';

const all: BrowseQuery = {
  ...{ kind: null, text: null, outcome: null, label: null, experimentId: null },
  ...{ sort: 'started', descending: true, offset: 0, limit: 100 },
};

test('runs and experiments share one list; the runs of an experiment have their own', (t) => {
  const store = makeStore(t);
  store.saveExperiment(experiment({ id: 'sweep1', startedAt: timeOf(9) }));
  saveRuns(store, 'a1', 'a2');
  store.saveRun({ result: result({ id: 's1', startedAt: timeOf(5) }), experimentId: 'sweep1', label: 'x' });
  const idsOf = (changes: Partial<BrowseQuery>) => {
    const { entries, total } = store.browse({ ...all, ...changes });
    return [total, ...entries.map(({ id }) => id)];
  };
  t.deepEqual(idsOf({}), [3, 'sweep1', 'a2', 'a1']);
  t.deepEqual(idsOf({ descending: false }), [3, 'a1', 'a2', 'sweep1']);
  t.deepEqual(idsOf({ experimentId: 'sweep1' }), [1, 's1']);
  t.deepEqual(idsOf({ kind: 'run' }), [2, 'a2', 'a1']);
  t.deepEqual(idsOf({ kind: 'sweep' }), [1, 'sweep1']);
  t.deepEqual(idsOf({ kind: 'bisect' }), [0]);
  t.deepEqual(idsOf({ offset: 1, limit: 1 }), [3, 'a2']);
  t.deepEqual(idsOf({ text: 'chectl st' }), [3, 'sweep1', 'a2', 'a1']);
  t.deepEqual(idsOf({ text: 'a1' }), [1, 'a1']);
  t.deepEqual(idsOf({ text: '%' }), [0]);
  t.deepEqual(idsOf({ outcome: 'passed' }), [2, 'a2', 'a1']);
  t.deepEqual(idsOf({ outcome: 'failed' }), [0]);
  const [first] = store.browse(all).entries;
  t.deepEqual(first, {
    ...{ entry: 'experiment', id: 'sweep1', kind: 'sweep', status: 'running', runs: 1 },
    ...{ startedAt: timeOf(9), command: 'apachectl start' },
  } as never);
});

test('any column sorts, unknown values come last, and each entry is on one page only', (t) => {
  const store = makeStore(t);
  const figure = fc.option(fc.integer({ min: 0, max: 5 }).map((pages) => pages * 4096));
  const kept: { id: string; peak: number | null }[] = [];
  const [runs = []] = fc.sample(
    fc.array(fc.tuple(figure, figure, fc.option(fc.constantFrom('a', 'b'))), { minLength: 40, maxLength: 60 }),
    1,
  );
  for (const [index, [limit, peak, label]] of runs.entries()) {
    const id = `r${index}`;
    kept.push({ id, peak });
    const made = result({
      id,
      startedAt: timeOf(index % 7),
      spec: { limits: { kmem: limit } },
      kmem: { maxUsage: peak, failcnt: peak },
    });
    store.saveRun({ result: made, experimentId: null, label });
  }
  for (const sort of SORTS) {
    for (const descending of [true, false]) {
      const pages = Array.from({ length: 8 }, (_, page) =>
        store.browse({ ...all, sort, descending, offset: page * 8, limit: 8 }),
      );
      const ids = pages.flatMap(({ entries }) => entries.map(({ id }) => id));
      t.deepEqual(ids.toSorted(), kept.map(({ id }) => id).toSorted());
      if (sort !== 'peak') continue;
      const peaks = ids.map((id) => kept.find((one) => one.id === id)?.peak ?? null);
      const known = peaks.filter((peak) => peak !== null);
      t.deepEqual(peaks.slice(0, known.length), known);
      t.deepEqual(
        known,
        known.toSorted((a, b) => (descending ? b - a : a - b)),
      );
    }
  }
});

test('a read-only viewer sees what others write and changes nothing', (t) => {
  const file = join(makeFolder(t), 'store.sqlite');
  t.throws(() => openStore(file, 'look'), { code: 'no-store' });
  const writer = openStore(file);
  const reader = openStore(file, 'look');
  const before = reader.changes();
  t.is(reader.changes(), before);
  saveRuns(writer, 'a1');
  t.not(reader.changes(), before);
  t.is(reader.browse(all).total, 1);
  t.throws(() => saveRuns(reader, 'a2'), { code: 'store-read-only' });
  t.throws(() => reader.saveExperiment(experiment()), { code: 'store-read-only' });
  reader.close();
  writer.close();
});
