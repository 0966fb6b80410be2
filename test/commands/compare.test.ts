import test from 'ava';
import type { Store } from '../../src/store/types.ts';
import { hostile, result } from '../fixtures/results.ts';
import { dangerous } from '../fixtures/terminal.ts';
import { assertRefused } from '../harness.ts';
import { experiment } from '../store/folder.ts';
import { assertAnswered, makeKept } from './kept.ts';

let made = 0;
function save(store: Store, label: string | null, ...peaks: number[]) {
  for (const maxUsage of peaks) {
    made += 1;
    store.saveRun({ result: result({ id: `run${made}x`, kmem: { maxUsage } }), experimentId: null, label });
  }
}

test.serial('exits 0 if the same, 1 if different, 125 if undecided', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    save(store, 'before', 8192, 12_288, 8192, 12_288, 8192);
    save(store, 'noise', 12_288, 12_288, 8192, 8192, 12_288);
    save(store, 'after', 81_920, 86_016, 81_920, 86_016, 81_920);
    save(store, 'one', 8192);
    save(store, 'other', 12_288);
  });
  const compare = async (status: number, first: string, ...args: string[]) => {
    const ran = await kmemRun(['compare', ...args]);
    assertAnswered(t, ran, status);
    t.is(ran.stdout.split('\n')[0], `kmem-run: ${first}`);
  };
  await compare(0, 'the same', 'one', 'one');
  await compare(0, 'the same within the spread', 'before', 'noise');
  await compare(1, 'different in kmem peak', 'before', 'after');
  await compare(125, 'cannot tell whether kmem peak changed: 1 run each', 'one', 'other');
  await compare(125, 'cannot tell whether kmem peak changed: 1 run each', '@2', '@');
  await compare(0, 'the same within the spread', 'one,other', '@,@2,noise');
});

test.serial('experiments compare limit by limit, also as JSON', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    for (const id of ['sweep1', 'sweep2']) {
      store.saveExperiment(experiment({ id }));
      for (const [point, kmem] of [1_048_576, 2_097_152].entries()) {
        for (let repeat = 0; repeat < 5; repeat++) {
          const maxUsage = id === 'sweep2' && point === 1 ? 900_000 : 800_000;
          const one = result({ id: `${id}-${point}-${repeat}`, spec: { limits: { kmem } }, kmem: { maxUsage } });
          store.saveRun({ result: one, experimentId: id, point, repeat });
        }
      }
    }
  });
  const ran = await kmemRun(['compare', 'sweep1', 'sweep2']);
  assertAnswered(t, ran, 1);
  t.regex(ran.stdout, /^kmem-run: different in kmem peak at 1 of 2 settings\n/);
  t.regex(ran.stdout, /\n {2}kmem 2 MiB {2}kmem peak: 800,000 → 900,000: different\n/);
  const json = await kmemRun(['compare', 'sweep1', 'sweep2', '--json']);
  t.is(json.status, 1);
  const { a, b, verdict, points } = JSON.parse(json.stdout);
  t.deepEqual(
    [a, b],
    [
      { name: 'sweep1', runs: 10, commands: ['apachectl start'] },
      { name: 'sweep2', runs: 10, commands: ['apachectl start'] },
    ],
  );
  t.is(verdict, 'different');
  t.deepEqual(
    points.map(({ at, verdict: own }: { at: unknown; verdict: string }) => [at, own]),
    [
      [{ kmem: 1_048_576 }, 'same'],
      [{ kmem: 2_097_152 }, 'different'],
    ],
  );
});

test.serial('hostile names are shown escaped', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    save(store, 'plain', 4096);
    store.saveRun({ result: hostile(), experimentId: null });
  });
  const ran = await kmemRun(['compare', 'plain', '@']);
  assertAnswered(t, ran, 1);
  t.deepEqual(dangerous(ran.stdout, '\n'), []);
});

test.serial('invalid comparisons are rejected', async (t) => {
  const { kmemRun, fill } = makeKept(t);
  fill((store) => {
    store.saveExperiment(experiment());
    save(store, 'one', 4096);
  });
  for (const [reason, ...args] of [
    ['2 runs are required'],
    ['one more run is required', 'one'],
    ['unexpected argument "three"', 'one', 'two', 'three'],
    ['no saved result is called "none"', 'one', 'none'],
    ['no saved result is called ""', 'one,', 'one'],
    ['one of the two results contains no runs', 'one', 'sweep1'],
  ]) {
    const ran = await kmemRun(['compare', ...args]);
    t.is(ran.status, 125);
    assertRefused(t, ran, new RegExp(`${reason}`));
  }
});
