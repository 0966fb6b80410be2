import test from 'ava';
import { matches } from '../../src/host/matches.ts';

test('a pattern is found in a text or not, as by test()', (t) => {
  t.true(matches(/^b+$/m, 'a\nbb\n'));
  t.false(matches(/^b+$/, 'a\nbb\n'));
  t.true(matches(/(?<=a)b(?!c)/u, 'xab'));
  t.true(matches(/x$/, 'y'.repeat(128 * 1024).concat('x')));
});

test('a pattern that backtracks without end is not decided, and the next one is', (t) => {
  t.is(matches(/^(a+)+$/, `${'a'.repeat(60)}!`), null);
  t.true(matches(/a/, 'a'));
});

test('a pattern that is too large to run is not decided', (t) => {
  t.is(matches(new RegExp(`${'('.repeat(5000)}a${')*'.repeat(5000)}`), 'b'), null);
});
