import test from 'ava';
import fc from 'fast-check';
import { parseDuration } from '../../src/request/duration.ts';
import { formatDuration } from '../../src/text/figures.ts';
import { refused, valueOrNull } from './refusal.ts';

for (const [text, ms] of [
  ['10ms', 10],
  ['2s', 2000],
  ['1.5s', 1500],
  ['0.001s', 1],
  ['1m', 60_000],
  ['0.5m', 30_000],
  ['1h', 3_600_000],
  ['24d', 2_073_600_000],
  ['500', 500_000],
  ['0', 0],
  ['1.5', 1500],
  ['2 s', 2000],
  [500, 500],
  [2_147_483_647, 2_147_483_647],
] as const) {
  test(`a duration: ${JSON.stringify(text)}`, (t) => t.is(parseDuration(text), ms));
}

for (const text of [
  ...[
    '',
    's',
    '1x',
    '-1s',
    '+1s',
    '1.5ms',
    '0.0001s',
    '.5s',
    '1e3',
    '1M',
    '1S',
    '1 ',
    '1s2',
    '1h30m',
    'inf',
    'NaN',
    '01s',
    '1\n',
  ],
  ...[-1, 0.5, Number.NaN, Number.POSITIVE_INFINITY],
  ...([null, undefined, {}, []] as unknown as string[]),
]) {
  test(`not a duration: ${typeof text} ${JSON.stringify(text)} ${String(text)}`, (t) => {
    t.regex(refused(t, 'bad-duration', () => parseDuration(text, { name: '--timeout' })).message, /^--timeout: /);
  });
}

test('a wait too long for a timer is rejected: it would fire at once', (t) => {
  for (const text of ['25d', '600h', '2147483648ms', 2_147_483_648, 1e300, `1${'0'.repeat(50)}s`]) {
    t.regex(refused(t, 'bad-duration', () => parseDuration(text)).message, /24\.8 days/);
  }
});

test('any text is a wait that a timer accepts, or a SetupError', (t) => {
  const texts = fc.oneof(fc.string(), fc.stringMatching(/^[-.0-9mshd ]{0,12}$/), fc.double());
  fc.assert(
    fc.property(texts, (given) => {
      const ms = valueOrNull(() => parseDuration(given));
      t.true(ms === null || (Number.isInteger(ms) && ms >= 0 && ms < 2 ** 31));
    }),
    { numRuns: 2000 },
  );
});

test('milliseconds round-trip', (t) => {
  fc.assert(fc.property(fc.nat(), (ms) => t.is(parseDuration(`${ms}ms`), ms)));
  fc.assert(
    fc.property(fc.nat(), (ms) =>
      t.is(parseDuration(`${Math.floor(ms / 1000)}.${String(ms % 1000).padStart(3, '0')}`), ms),
    ),
  );
});

test('durations are readable', (t) => {
  const given = [0, 412.14, 999.96, 1500, 59_994, 59_996, 123_000, 3_599_700, 3_900_000, -20];
  const shown = ['0 ms', '412.1 ms', '1 s', '1.5 s', '59.99 s', '1 min', '2 min 3 s', '1 h', '1 h 5 min', '-20 ms'];
  t.deepEqual(given.map(formatDuration), shown);
});
