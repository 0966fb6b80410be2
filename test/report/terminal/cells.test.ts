import test from 'ava';
import { breadth, fitted, plotWidth } from '../../../src/report/terminal/cells.ts';

test('wide characters take two columns', (t) => {
  t.is(breadth('abc'), 3);
  t.is(breadth('日本'), 4);
  t.is(breadth('é🙂'), 3);
});

test('text is cut to the available columns, never through a wide character', (t) => {
  t.is(fitted('abc', 3), 'abc');
  t.is(fitted('abcd', 3), 'ab…');
  t.is(fitted('日本語', 6), '日本語');
  t.is(fitted('日本語', 5), '日本…');
  t.is(fitted('日本語', 4), '日…');
  t.is(fitted('a\u001b', 5), 'a\\x1b');
  t.is(fitted('abc', 0), '');
});

test('a plot is no wider than the terminal, and stays readable on a wide one', (t) => {
  t.is(plotWidth(60), 60);
  t.is(plotWidth(null), 80);
  t.is(plotWidth(1000), 120);
  t.is(plotWidth(0), 1);
});
