import test from 'ava';
import fc from 'fast-check';
import { columns, cut, padded, shorten, visible } from '../../src/text/visible.ts';
import { HOSTILE_TEXT } from '../fixtures/results.ts';
import { dangerous } from '../fixtures/terminal.ts';

test('control and hidden characters are made visible', (t) => {
  t.is(visible(HOSTILE_TEXT), 'a\\x1b[2J\\x1b]0;owned\\x07\\r\\nb\\tc\\u{202e}d\\u{9b}31m\\x7f\\u{d800}');
  t.is(visible('/tmp/Привет 你好 😀 a\\b'), '/tmp/Привет 你好 😀 a\\b');
});

test('control characters never get through, in cut or whole text', (t) => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 60 }), fc.integer({ min: 1, max: 40 }), (text, max) => {
      t.deepEqual(dangerous(visible(text)), []);
      t.deepEqual(dangerous(cut(text, max)), []);
      t.true(visible(text).isWellFormed());
      t.true(columns(cut(text, max)) <= max);
    }),
  );
});

test('text that fits is not cut; longer text ends in an ellipsis', (t) => {
  t.is(cut('12345', 5), '12345');
  t.is(cut('123456', 5), '1234…');
  t.is(cut('😀😀😀', 6), '😀😀😀');
  t.is(cut('😀😀😀', 5), '😀😀…');
  t.is(cut('你好你好', 6), '你好…');
  t.is(cut(`a${'\u0301'.repeat(100)}`, 10), `a${'\u0301'.repeat(20)}…`);
  t.is(columns(cut('x'.repeat(2_000_000), 60)), 60);
});

test('wide characters take two columns, marks none', (t) => {
  t.deepEqual(['', 'ab', '你好', 'e\u0301', '😀', '…→│✓'].map(columns), [0, 2, 4, 1, 2, 4]);
  t.is(padded('你', 4), '你  ');
  t.is(padded('long', 2), 'long');
  t.is(shorten('tab\\t你好', 8), 'tab\\t你…');
  // Each alone takes one column; together a terminal draws a wide character.
  t.true(columns(shorten('\u00a9\ufe0f\u00a9\ufe0f\u00a9\ufe0f', 4)) <= 4);
});
