import { closeSync, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { helperPath, holdLock, probeLocks } from '../../src/gate/helper.ts';

test('a lock outlives the helper until its file is closed, and is held only once', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-locks-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'a.lock');
  const state = async () => (await probeLocks(helperPath(), [path])).get(path);
  t.is(await state(), 'absent');
  const fd = openSync(path, 'w');
  t.is(await state(), 'free');
  t.true(await holdLock(helperPath(), fd));
  t.is(await state(), 'held');
  const other = openSync(path, 'w');
  t.false(await holdLock(helperPath(), other));
  closeSync(other);
  closeSync(fd);
  t.is(await state(), 'free');
});
