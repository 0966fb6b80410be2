import test from 'ava';
import { matches } from '../../src/host/matches.ts';

test('a pattern matches a text exactly if test() does', (t) => {
  t.true(matches(/^b+$/m, 'a\nbb\n'));
  t.false(matches(/^b+$/, 'a\nbb\n'));
  t.true(matches(/(?<=a)b(?!c)/u, 'xab'));
  t.true(matches(/x$/, 'y'.repeat(128 * 1024).concat('x')));
});

test('endless backtracking is undecided and does not affect the next pattern', (t) => {
  t.is(matches(/^(a+)+$/, `${'a'.repeat(60)}!`), null);
  t.true(matches(/a/, 'a'));
});

test('a pattern that is too large to run is undecided', (t) => {
  t.is(matches(new RegExp(`${'('.repeat(5000)}a${')*'.repeat(5000)}`), 'b'), null);
});
