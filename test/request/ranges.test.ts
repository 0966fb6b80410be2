import test from 'ava';
import fc from 'fast-check';
import { pageSize } from '../../src/host/page-size.ts';
import { parseCounts, parseLimits, parseNames } from '../../src/request/ranges.ts';
import { refused, valueOrNull } from './refusal.ts';

const K = 1024;
const M = K * K;
const NAME = '--kmem';

for (const [text, values] of [
  ['1M', [M]],
  ['1M,2M', [M, 2 * M]],
  ['2M, 1M', [M, 2 * M]],
  ['1M,1024K', [M]],
  ['1M..2M:512K', [M, 1.5 * M, 2 * M]],
  ['1M..2M:300K', [M, M + 300 * K, M + 600 * K, M + 900 * K]],
  ['1M..1M:1K', [M]],
  ['1M..8M*2', [M, 2 * M, 4 * M, 8 * M]],
  ['1M..7M*2', [M, 2 * M, 4 * M]],
  ['1M..4M*1.5', [M, 1.5 * M, 2.25 * M, 3.375 * M]],
  ['1.5M..2.5M:0.5M', [1.5 * M, 2 * M, 2.5 * M]],
  ['1 MiB .. 2 MiB : 1 MiB', [M, 2 * M]],
  ['64K,1M..2M:1M,16M', [64 * K, M, 2 * M, 16 * M]],
  ['8192..20000:1000', [8192, 12_288, 16_384]],
] as const) {
  test(`limits: ${text}`, (t) =>
    t.deepEqual(
      parseLimits(text, { name: NAME }),
      values.map((value) => Math.floor(value / pageSize()) * pageSize()),
    ));
}

for (const [text, code, message] of [
  ['', 'bad-size', /^--kmem: /],
  ['1M,', 'bad-size', /^--kmem: /],
  ['1xx', 'bad-size', /"1xx"/],
  ['1M..2M', 'bad-range', /no step/],
  ['2M..1M:1K', 'bad-range', /descending/],
  ['1M..2M:0', 'bad-range', /step of 0/],
  ['1M..2M*1', 'bad-range', /not a factor/],
  ['1M..2M*0.5', 'bad-range', /not a factor/],
  ['1M..2M*x', 'bad-range', /not a factor/],
  ['1M..2M:x', 'bad-size', /"x"/],
  ['1M..2M:-1K', 'bad-size', /"-1K"/],
  ['0..2M:1M', 'bad-size', /below one page/],
  ['1..2M*2', 'bad-size', /below one page/],
  ['..2M:1M', 'bad-size', /is not a size/],
  ['1M..', 'bad-size', /is not a size/],
  ['1M..2M..3M:1K', 'bad-size', /is not a size/],
  ['4K..1T:1', 'bad-range', /more than 10000/],
  ['4K..1T*1.000001', 'bad-range', /more than 10000/],
  ['4K..1M:4K,4M..8191T:4M', 'bad-range', /more than 10000/],
] as const) {
  test(`bad limits: ${text}`, (t) => {
    t.regex(refused(t, code, () => parseLimits(text, { name: NAME })).message, message);
  });
}

test('reads process counts', (t) => {
  t.deepEqual(parseCounts('1..10:3', { name: '--pids' }), [1, 4, 7, 10]);
  t.deepEqual(parseCounts('3,1..16*4', { name: '--pids' }), [1, 3, 4, 16]);
  t.regex(refused(t, 'bad-pids', () => parseCounts('0..4:1', { name: '--pids' })).message, /^--pids: /);
  refused(t, 'bad-pids', () => parseCounts('1K', { name: '--pids' }));
});

test('names', (t) => {
  t.deepEqual(parseNames('5.10,host', { name: '--kernel' }), ['5.10', 'host']);
  t.deepEqual(parseNames('host', { name: '--kernel' }), ['host']);
  for (const text of ['', 'a,', 'a,a', ',']) refused(t, 'bad-range', () => parseNames(text, { name: '--kernel' }));
});

test('a range starts at its first value, keeps its step, and ends at or below its last', (t) => {
  const page = pageSize();
  const property = fc.property(
    fc.integer({ min: page, max: 2 ** 40 }),
    fc.nat(2 ** 40),
    fc.integer({ min: 1, max: 2 ** 40 }),
    (first, more, step) => {
      const values = valueOrNull(() => parseLimits(`${first}..${first + more}:${step}`, { name: NAME }));
      if (values === null) {
        t.true(more / step > 9_999);
        return;
      }
      t.is(values[0], first - (first % page));
      t.is(values.length <= Math.floor(more / step) + 1, true);
      for (const [index, value] of values.entries()) {
        t.is(value % page, 0);
        t.true(value <= first + more);
        t.true(index === 0 || value > (values[index - 1] ?? 0));
      }
      if (step >= page) t.is(values.length, Math.floor(more / step) + 1);
      t.true((values.at(-1) ?? 0) + step + page > first + more);
    },
  );
  fc.assert(property, { numRuns: 1000 });
});

test('factors: each value is the previous one times the factor', (t) => {
  const property = fc.property(
    fc.integer({ min: 1, max: 1000 }),
    fc.nat(100_000),
    fc.integer({ min: 2, max: 9 }),
    (first, more, factor) => {
      const values = parseCounts(`${first}..${first + more}*${factor}`, { name: NAME });
      t.is(values[0], first);
      for (const [index, value] of values.entries()) t.is(value, first * factor ** index);
      t.true((values.at(-1) ?? 0) * factor > first + more);
    },
  );
  fc.assert(property, { numRuns: 1000 });
});

test('anything else is rejected with a SetupError', (t) => {
  const piece = fc.constantFrom('1', '4K', '1M', '..', ':', '*', ',', '.', '2', 'x', '-', ' ');
  const property = fc.property(fc.array(piece, { maxLength: 9 }), (pieces) => {
    for (const parse of [parseLimits, parseCounts, parseNames]) {
      const values = valueOrNull(() => parse(pieces.join(''), { name: NAME }));
      t.true(values === null || values.length > 0);
    }
  });
  fc.assert(property, { numRuns: 3000 });
});
