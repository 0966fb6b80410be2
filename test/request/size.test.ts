import { execFileSync } from 'node:child_process';
import test from 'ava';
import fc from 'fast-check';
import { pageSize, pageSizeFrom } from '../../src/host/page-size.ts';
import { formatSize, groupDigits, parseLimit, parseSize, roundToPage } from '../../src/request/size.ts';
import { refused, valueOrNull } from './refusal.ts';

const K = 1024;

for (const [text, bytes] of [
  ['0', 0],
  ['1', 1],
  ['4096', 4096],
  ['900K', 900 * K],
  ['900k', 900 * K],
  ['900KiB', 900 * K],
  ['900kB', 900 * K],
  ['900KB', 900 * K],
  ['900kib', 900 * K],
  ['512B', 512],
  ['1M', K ** 2],
  ['1MiB', K ** 2],
  ['2 GiB', 2 * K ** 3],
  ['3T', 3 * K ** 4],
  ['1.5K', 1536],
  ['2.5M', 2_621_440],
  ['1.0', 1],
  ['0.5k', 512],
  ['9007199254740991', Number.MAX_SAFE_INTEGER],
  ['8191T', 8191 * K ** 4],
  [0, 0],
  [1_048_576, K ** 2],
] as const) {
  test(`a size: ${JSON.stringify(text)}`, (t) => t.is(parseSize(text), bytes));
}

for (const text of [
  ...[
    '',
    ' ',
    '1xx',
    '-1',
    '-1M',
    '+1',
    '1.5',
    '1.1K',
    '.5K',
    '1.K',
    'K',
    '1e3',
    '0x1000',
    '010',
    '1,000',
    ' 1',
    '1 ',
    '1\n',
    '1  K',
  ],
  ...[
    '1P',
    '1KK',
    '1Ki',
    '1KB/s',
    '٣',
    'Infinity',
    'NaN',
    '9007199254740992',
    '8192T',
    '99999999999999999999',
    `1${'0'.repeat(400)}`,
  ],
  ...[1.5, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, 1e300],
  ...([null, undefined, true, {}, [], 1n] as unknown as string[]),
]) {
  test(`not a size: ${typeof text} ${JSON.stringify(String(text)).slice(0, 40)}`, (t) => {
    t.regex(refused(t, 'bad-size', () => parseSize(text, { name: '--kmem' })).message, /^--kmem: /);
  });
}

test('the hint for a fractional number of bytes is the next whole number', (t) => {
  t.regex(refused(t, 'bad-size', () => parseSize('1.1M')).hint, /\b1153434\b/);
});

test('a size reads back as it was written, in every spelling', (t) => {
  const unit = fc.constantFrom(['', 1], ['K', K], ['mIb', K ** 2], ['gb', K ** 3], ['T', K ** 4]);
  const whole = fc.property(fc.nat({ max: 8191 }), unit, (count, [suffix, scale]) => {
    t.is(parseSize(`${count}${suffix}`), count * Number(scale));
  });
  fc.assert(whole);
  // Every byte count is a finite decimal in each unit, so the decimals lose nothing.
  const decimal = fc.property(fc.maxSafeNat(), (bytes) => {
    const digits = (BigInt(bytes) * 10n ** 10n) / 1024n;
    t.is(parseSize(`${digits / 10n ** 10n}.${(digits % 10n ** 10n).toString().padStart(10, '0')}K`), bytes);
    t.is(parseSize(String(bytes)), bytes);
  });
  fc.assert(decimal);
});

test('any text is a safe whole number of bytes or a SetupError', (t) => {
  const texts = fc.oneof(
    fc.string(),
    fc.string({ unit: 'binary' }),
    fc.stringMatching(/^[-+.0-9kKmMgGtTiIbB ]{0,12}$/),
  );
  fc.assert(
    fc.property(fc.oneof(texts, fc.double()), (given) => {
      const bytes = valueOrNull(() => parseSize(given));
      t.true(bytes === null || (Number.isSafeInteger(bytes) && bytes >= 0));
    }),
    { numRuns: 2000 },
  );
});

test('uses the kernel’s page size', (t) => {
  t.is(pageSize(), Number(execFileSync('getconf', ['PAGESIZE'], { encoding: 'utf8' })));
});

test('the page size is found among other entries, and never guessed if absent', (t) => {
  const entry = (key: bigint, value: bigint) => {
    const words = new BigUint64Array([key, value]);
    return Buffer.from(words.buffer);
  };
  t.is(pageSizeFrom(Buffer.concat([entry(33n, 6n), entry(6n, 65_536n), entry(0n, 0n)])), 65_536);
  t.is(pageSizeFrom(Buffer.concat([entry(33n, 6n), entry(0n, 0n)])), null);
  t.is(pageSizeFrom(entry(6n, 4097n)), null);
  t.is(pageSizeFrom(entry(6n, 4096n).subarray(0, 12)), null);
  t.is(pageSizeFrom(Buffer.alloc(0)), null);
  t.is(pageSizeFrom(null), null);
});

test('limits are rounded down to whole pages', (t) => {
  const page = pageSize();
  t.is(roundToPage(page * 3), page * 3);
  t.is(roundToPage(page * 3 + page - 1), page * 3);
  t.is(parseLimit(String(page)), page);
  t.is(parseLimit(page + 1), page);
  t.is(parseLimit('9007199254740991'), 9007199254740991 - (9007199254740991 % page));
  fc.assert(
    fc.property(fc.maxSafeNat(), (bytes) => {
      const rounded = roundToPage(bytes);
      t.true(rounded <= bytes && bytes - rounded < page && rounded % page === 0);
    }),
  );
});

test('a limit below one page is rejected: the kernel would make it 0', (t) => {
  for (const text of ['0', '100', String(pageSize() - 1), 0]) {
    t.regex(refused(t, 'bad-size', () => parseLimit(text)).message, /below one page/);
  }
});

test('sizes are readable', (t) => {
  const shown = [0, 1023, 1024, 4096, 2_637_824, 2_621_440, K ** 2 - 1, K ** 3, 8191 * K ** 4, -24_576].map(formatSize);
  const expected = ['0 B', '1023 B', '1 KiB', '4 KiB', '2.52 MiB', '2.5 MiB', '1 MiB', '1 GiB', '8 PiB', '-24 KiB'];
  t.deepEqual(shown, expected);
});

test('digits are grouped', (t) => {
  t.deepEqual([0, 999, 1000, 2_637_824, -1_234_567, 1234.56789].map(groupDigits), [
    '0',
    '999',
    '1,000',
    '2,637,824',
    '-1,234,567',
    '1,234.56789',
  ]);
  fc.assert(fc.property(fc.maxSafeInteger(), (count) => t.is(Number(groupDigits(count).replaceAll(',', '')), count)));
});
