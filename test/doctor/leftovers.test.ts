import test from 'ava';
import { proveLocks } from '../../src/doctor/leftovers.ts';

test('no lock to try: the helper is not looked for', async (t) => {
  t.is((await proveLocks([])).size, 0);
});

test('a lock is tried by the helper', async (t) => {
  const absent = '/nonexistent/a.lock';
  t.deepEqual([...(await proveLocks([absent]))], [[absent, 'absent']]);
});
