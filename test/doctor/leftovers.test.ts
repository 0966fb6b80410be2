import test from 'ava';
import { proveLocks } from '../../src/doctor/leftovers.ts';

test('without locks to probe, no helper is needed', async (t) => {
  t.is((await proveLocks([])).size, 0);
});

test('a lock is probed by the helper', async (t) => {
  const absent = '/nonexistent/a.lock';
  t.deepEqual([...(await proveLocks([absent]))], [[absent, 'absent']]);
});
