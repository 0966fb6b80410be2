/** Each test file is in a tier. */

import { existsSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { batchesOf, LONG, root, testFiles, tierOf } from '../tiers/tiers.ts';

test('each file runs once, in either the fast or the microVM tier', (t) => {
  const run = [...batchesOf('fast', 2), ...batchesOf('vm', 2)].flatMap(({ files }) => files);
  t.deepEqual(run.toSorted(), testFiles());
  t.is(new Set(run).size, run.length);
});

test('the longest files run first', (t) => {
  for (const tier of ['fast', 'vm'] as const) {
    const [{ files } = { files: [] }] = batchesOf(tier, 2);
    const long = LONG.filter((file) => tierOf(file) === tier);
    t.deepEqual(files.slice(0, long.length), long);
  }
});

test('each soak test also runs in another tier in its short form', (t) => {
  const soaked = batchesOf('soak', 2).flatMap(({ files }) => files);
  t.true(soaked.length >= 3);
  t.true(soaked.every((file) => testFiles().includes(file)));
});

test('the tiers name only existing files', (t) => {
  for (const file of ['test/gate/stress.test.ts', 'test/run/determinism.test.ts'])
    t.true(existsSync(join(root, file)), file);
  for (const file of LONG) t.true(testFiles().includes(file), file);
  t.is(tierOf('test/vm/run.test.ts'), 'vm');
  t.is(tierOf('test/vm/wire.test.ts'), 'fast');
  t.is(tierOf('test/run/steps.test.ts'), 'fast');
  t.true(
    batchesOf('fast', 2).every(({ files }) => files.length > 0),
    'none is empty, or a name is outdated',
  );
});
