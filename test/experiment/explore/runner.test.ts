/** Where the runs of an exploration take place. */

import fs, { statSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { dirname, join } from 'node:path';
import test from 'ava';
import { openPlaces } from '../../../src/experiment/explore/runner.ts';
import { NOBODY } from '../../cgroup/sandbox.ts';
import { canActAsOthers, where } from '../../needs.ts';

const asRoot = where(canActAsOthers, 'root', test.serial);

asRoot('a folder is made, and given to the user, only while that user cannot exchange it', async (t) => {
  const places = openPlaces();
  t.teardown(places.close);
  const owners: number[] = [];
  for (const name of ['mkdirSync', 'chmodSync', 'chownSync'] as const) {
    const original = fs[name] as (...words: unknown[]) => unknown;
    const noting = (...[path, ...more]: unknown[]): unknown => {
      owners.push(statSync(dirname(String(path))).uid);
      return original(path, ...more);
    };
    Object.assign(fs, { [name]: noting });
    t.teardown(() => {
      Object.assign(fs, { [name]: original });
      syncBuiltinESMExports();
    });
  }
  syncBuiltinESMExports();
  const { folder, remove } = await places.make({ uid: NOBODY, gid: NOBODY });
  t.teardown(remove);
  t.true(owners.length >= 6);
  t.deepEqual([...new Set(owners)], [process.geteuid?.()]);
  for (const path of [folder, join(folder, 'tmp')]) t.is(statSync(path).uid, NOBODY);
});

test.serial('a folder that refills while being removed is left to gc', async (t) => {
  const places = openPlaces();
  const { remove } = await places.make(null);
  const { rmSync } = fs;
  const failing = (): never => {
    throw Object.assign(new Error('ENOTEMPTY'), { code: 'ENOTEMPTY', errno: -39 });
  };
  Object.assign(fs, { rmSync: failing });
  syncBuiltinESMExports();
  t.notThrows(remove);
  Object.assign(fs, { rmSync });
  syncBuiltinESMExports();
  places.close();
});
