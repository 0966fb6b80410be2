import { stripVTControlCharacters } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { layOut, painter, wrap } from '../../src/text/layout.ts';
import { columns } from '../../src/text/visible.ts';

test('text that fits, or has no width limit, is unchanged', (t) => {
  t.deepEqual(wrap('one two', 7), ['one two']);
  t.deepEqual(wrap('one  two '.repeat(50), null), ['one  two '.repeat(50)]);
});

test('lines break after a comma rather than within a figure', (t) => {
  t.deepEqual(wrap('peak 2.52 MiB of 4 MiB, failcnt 12', 31), ['peak 2.52 MiB of 4 MiB,', '  failcnt 12']);
  t.deepEqual(wrap('aa bb cc dd', 6), ['aa bb', '  cc', '  dd']);
});

test('a word that is too long stays whole', (t) => {
  const path = `/very${'/long'.repeat(20)}`;
  t.deepEqual(wrap(`of ${path} end`, 20), ['of', `  ${path}`, '  end']);
});

test('wrapping loses nothing, and lines are as narrow as their words allow', (t) => {
  const words = fc.array(fc.string({ unit: fc.constantFrom('a', 'b', ',', '😀'), minLength: 1, maxLength: 8 }), {
    minLength: 1,
    maxLength: 30,
  });
  fc.assert(
    fc.property(words, fc.integer({ min: 18, max: 40 }), (list, width) => {
      const lines = wrap(list.join(' '), width);
      t.deepEqual(
        lines.flatMap((line) => line.trim().split(' ')),
        list,
      );
      t.true(lines.every((line) => columns(line) <= width));
    }),
  );
});

test('rows are aligned, with and without colour', (t) => {
  const rows = [
    { label: 'kmem', lines: ['one', 'two'] },
    { label: 'memory', lines: [{ text: 'three', tone: 'bad' }] },
  ] as const;
  const plain = layOut(rows, 8, { color: false, width: null });
  t.deepEqual(plain, ['  kmem      one', '            two', '  memory    three']);
  const coloured = layOut(rows, 8, { color: true, width: null });
  t.notDeepEqual(coloured, plain);
  t.deepEqual(coloured.map(stripVTControlCharacters), plain);
});

test('colours are those asked for, whatever the environment says', (t) => {
  t.is(painter(true)('bad', 'x'), '\u001b[31mx\u001b[39m');
  t.is(painter(false)('bad', 'x'), 'x');
});
