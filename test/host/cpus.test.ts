import { readFileSync } from 'node:fs';
import test from 'ava';
import fc from 'fast-check';
import { onlineCpus, parseCpuList, parseCpus } from '../../src/host/cpus.ts';
import { refused } from '../request/refusal.ts';

function online() {
  return [0, 1, 2, 3, 8];
}

test('lists and ranges are sorted, without duplicates', (t) => {
  t.deepEqual(parseCpus('0', { online }), [0]);
  t.deepEqual(parseCpus('3,0-2,1', { online }), [0, 1, 2, 3]);
  t.deepEqual(parseCpus([8, 0, 8], { online }), [0, 8]);
});

for (const text of [
  '',
  ',',
  '0,',
  '-1',
  '0-',
  '2-1',
  'a',
  '0 1',
  ' 0',
  '0x1',
  '0-999999999999',
  '65536',
  [],
  [0.5],
  [-1],
  ['0'],
  null,
  0,
  {},
]) {
  test(`rejected: ${JSON.stringify(text)}`, (t) => {
    t.regex(
      refused(t, 'bad-cpus', () => parseCpus(text, { name: '--cpus', online })).message,
      /^--cpus: .* is not a list/,
    );
  });
}

test('the error names a CPU that is offline', (t) => {
  for (const text of ['0-8', '4', [4]]) {
    t.regex(refused(t, 'bad-cpus', () => parseCpus(text, { online })).message, /CPU 4 is not online/);
  }
});

test("this machine's CPUs are those that the kernel lists", (t) => {
  const list = readFileSync('/sys/devices/system/cpu/online', 'utf8').trim();
  t.deepEqual(parseCpus(list), onlineCpus());
  t.deepEqual(parseCpus([0]), [0]);
  refused(t, 'bad-cpus', () => parseCpus('65535'));
});

test('a range lists every CPU from first to last', (t) => {
  fc.assert(
    fc.property(fc.nat(1000), fc.nat(100), (from, more) => {
      t.deepEqual(
        parseCpuList(`${from}-${from + more}`),
        Array.from({ length: more + 1 }, (_, index) => from + index),
      );
    }),
  );
});
