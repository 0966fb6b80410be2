import test from 'ava';
import fc from 'fast-check';
import { groupsIn, rowsIn, type View } from '../../../src/report/html/client/rows.ts';

const columns = [
  { title: 'name', unit: 'text', whenNull: 'gone' },
  { title: 'size', unit: 'count' },
] as const;
const rows = [
  ['sh', 3],
  [null, null],
  ['Bash', 20],
  ['sh', 10],
];
const all: View = { search: '', chosen: new Map(), sort: null, groupBy: null };

test('a search ignores case and also matches the text shown for null', (t) => {
  t.deepEqual(rowsIn({ rows, columns }, { ...all, search: 'bASH' }), [['Bash', 20]]);
  t.deepEqual(rowsIn({ rows, columns }, { ...all, search: 'gone' }), [[null, null]]);
});

test('numbers sort numerically, and unknown values sort last', (t) => {
  const sizes = (down: boolean) =>
    rowsIn({ rows, columns }, { ...all, sort: { column: 1, down } }).map(([, size]) => size);
  t.deepEqual(sizes(false), [3, 10, 20, null]);
  t.deepEqual(sizes(true), [20, 10, 3, null]);
});

test('a filter matches whole values', (t) => {
  t.deepEqual(rowsIn({ rows, columns }, { ...all, chosen: new Map([[0, 'sh']]) }), [
    ['sh', 3],
    ['sh', 10],
  ]);
  t.deepEqual(rowsIn({ rows, columns }, { ...all, chosen: new Map([[0, 'gone']]) }), [[null, null]]);
});

test('each row is in one group, and the largest group comes first', (t) => {
  t.deepEqual(groupsIn(rows, 0)[0], { value: 'sh', count: 2 });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.oneof(fc.constant(null), fc.string({ maxLength: 2 })), fc.nat())), (any) => {
      const counts = groupsIn(any, 0).map(({ count }) => count);
      t.is(
        counts.reduce((sum, count) => sum + count, 0),
        any.length,
      );
      t.deepEqual(
        counts,
        counts.toSorted((a, b) => b - a),
      );
    }),
  );
});
