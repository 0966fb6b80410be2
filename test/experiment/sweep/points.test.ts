import test from 'ava';
import { checkSize, crossProduct, loosest } from '../../../src/experiment/sweep/points.ts';
import { refused } from '../../request/refusal.ts';

test('lists all combinations, the last setting changing fastest', (t) => {
  t.deepEqual(crossProduct({ pids: [1, 2], kernel: ['a', null] }), [
    { kernel: 'a', pids: 1 },
    { kernel: 'a', pids: 2 },
    { kernel: null, pids: 1 },
    { kernel: null, pids: 2 },
  ]);
  t.deepEqual(crossProduct({}), [{}]);
  t.is(crossProduct({ kmem: [1, 2, 3], mem: [1, 2], kmemTcp: [1, 2], pids: [1] }).length, 12);
});

test('picks the loosest one', (t) => {
  t.deepEqual(loosest({ kmem: [1, 2], pids: [3, 9], kernel: ['a', null] }), { kmem: 2, pids: 9, kernel: null });
  t.deepEqual(loosest({ kernel: ['a', 'b'] }), { kernel: 'a' });
  t.deepEqual(loosest({}), {});
});

test('too many runs are rejected', (t) => {
  checkSize({ kmem: Array(1000).fill(1) }, 1000);
  refused(t, 'too-many-runs', () => checkSize({ kmem: Array(1000).fill(1), mem: [1, 2] }, 1000));
  refused(t, 'too-many-runs', () => checkSize({}, 1_000_001));
});
