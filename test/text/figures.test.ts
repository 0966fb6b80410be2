import test from 'ava';
import { counted, size } from '../../src/text/figures.ts';

test('one is singular, zero and many are plural', (t) => {
  t.deepEqual(
    [0, 1, 2, 1000].map((count) => counted(count, 'row')),
    ['0 rows', '1 row', '2 rows', '1,000 rows'],
  );
  t.is(counted(1, 'process', 'processes'), '1 process');
  t.is(counted(2, 'process', 'processes'), '2 processes');
  t.deepEqual([size(1), size(2)], ['1 byte', '2 bytes']);
});
