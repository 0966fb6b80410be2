import test from 'ava';
import fc from 'fast-check';
import { SetupError } from '../../src/errors.ts';
import { formatAddress, LONGEST_PROCESS, parseAddress } from '../../src/request/address.ts';
import { refused, valueOrNull } from './refusal.ts';

const number = fc.integer({ min: 1, max: 999_999_999 });
const generation = fc.oneof(
  number.map((n) => `.${n}`),
  number.map((n) => `.t${n}`),
);
const address = fc.record({
  process: fc
    .tuple(fc.nat({ max: 999_999_999 }), fc.array(generation, { maxLength: 12 }))
    .map(([step, generations]) => `${step}${generations.join('')}`),
  index: fc.nat({ max: 999_999_999 }),
  syscall: fc.option(fc.stringMatching(/^[a-z][a-z0-9_]{0,26}$/)),
  persistent: fc.boolean(),
});

test('addresses read back as written', (t) => {
  fc.assert(fc.property(address, (made) => t.deepEqual(parseAddress(formatAddress(made)), made)));
  t.deepEqual(parseAddress('0.1.t2/17:mmap+'), { process: '0.1.t2', index: 17, syscall: 'mmap', persistent: true });
  t.deepEqual(parseAddress('1/0'), { process: '1', index: 0, syscall: null, persistent: false });
});

test('any text is an address that formats back to itself, or a SetupError', (t) => {
  const texts = fc.oneof(fc.string(), fc.stringMatching(/^[0-9.t/:+a-z]{0,14}$/), fc.string({ unit: 'binary' }));
  fc.assert(
    fc.property(texts, (text) => {
      const made = valueOrNull(() => parseAddress(text));
      t.true(made === null || formatAddress(made) === text);
    }),
    { numRuns: 3000 },
  );
});

test('a truncated address, or one with an extra character, is never read as another of its kind', (t) => {
  fc.assert(
    fc.property(address, fc.constantFrom(' ', '/', ':', '-', '\n', '.', 'T', '+'), (made, stray) => {
      const text = formatAddress(made);
      t.throws(() => parseAddress(`${stray}${text}`), { instanceOf: SetupError });
      if (stray !== '+' || made.persistent) t.throws(() => parseAddress(`${text}${stray}`), { instanceOf: SetupError });
    }),
  );
});

for (const [text, place] of [
  ['', /: at its end: expected a process/],
  ['/1', /: "\/1" \(character 1\): expected a process/],
  ['00/1', /: "0\/1" \(character 2\): expected "\/"/],
  ['0.0/1', /: "\.0\/1" \(character 2\): expected "\/"/],
  ['0.t/1', /: "\.t\/1" \(character 2\): expected "\/"/],
  ['0', /: at its end: expected "\/" and the number of a call/],
  ['0/', /: at its end: expected the number of a call/],
  ['0/01', /: "01" \(character 3\): expected the number of a call/],
  ['0/x:mmap', /: "x:mmap" \(character 3\): expected the number of a call/],
  ['0/1234567890', /: "1234567890" \(character 3\): expected the number/],
  ['0/1:', /: at its end: expected the name of a call/],
  ['0/1:MMAP', /: "MMAP" \(character 5\): expected the name of a call/],
  ['0/1mmap', /: "mmap" \(character 4\): expected the end/],
  ['0/1++', /: "\+" \(character 5\): expected the end$/],
  [`0${'.1'.repeat(80)}/1`, new RegExp(`\\(character ${LONGEST_PROCESS + 1}\\): .* at most ${LONGEST_PROCESS}`)],
] as const) {
  test(`not an address: ${JSON.stringify(text).slice(0, 30)}`, (t) => {
    const { message, hint } = refused(t, 'bad-address', () => parseAddress(text, { name: '--fail' }));
    t.regex(message, place);
    t.regex(message, /^--fail: /);
    t.truthy(parseAddress(/such as (\S+);/.exec(hint)?.[1] ?? ''));
  });
}
