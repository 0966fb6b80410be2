import test from 'ava';
import fc from 'fast-check';
import { didYouMean, editDistance, nearest } from '../../src/text/nearest.ts';

const OPTIONS = ['kmem', 'mem', 'memsw', 'kmem-tcp', 'pids', 'timeout', 'verbose', 'quiet', 'dry-run', 'errno', 'env'];

for (const [word, found] of [
  ['kmm', 'kmem'],
  ['kemm', 'kmem'],
  ['kmemTcp', 'kmem-tcp'],
  ['kmem_tcp', 'kmem-tcp'],
  ['timout', 'timeout'],
  ['verb', 'verbose'],
  ['dryrun', 'dry-run'],
  ['QUIET', 'quiet'],
  ['xyzzy', null],
  ['frobnicate', null],
  ['', null],
  ['-', null],
  ['k'.repeat(10_000), null],
] as const) {
  test(`nearest to ${JSON.stringify(word.slice(0, 20))}`, (t) => t.is(nearest(word, OPTIONS), found));
}

test('a prefix of several candidates matches none', (t) => t.is(nearest('memo', ['memory-min', 'memory-max']), null));

test('swapping neighbours is one edit', (t) => t.is(editDistance('kmem', 'kmme'), 1));

test('distance is the number of edits', (t) => {
  t.is(editDistance('', 'abc'), 3);
  t.is(editDistance('kitten', 'sitting'), 3);
  fc.assert(
    fc.property(fc.string(), fc.string(), (a, b) => {
      t.is(editDistance(a, b), editDistance(b, a));
      t.is(editDistance(a, b) === 0, a === b);
      t.true(editDistance(a, b) <= Math.max(a.length, b.length));
    }),
  );
});

test('the hint falls back if nothing is near', (t) => {
  t.is(
    didYouMean('kmm', OPTIONS, 'see --help', (name) => `--${name}`),
    'did you mean --kmem?',
  );
  t.is(didYouMean('xyzzy', OPTIONS, 'see --help'), 'see --help');
});
