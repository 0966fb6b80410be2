import test from 'ava';
import fc from 'fast-check';
import { parseAmount, parseKeyed, parseProcs } from '../../src/cgroup/files.ts';

test('an amount is the number in the file', (t) => {
  t.is(parseAmount('1048576\n'), 1_048_576);
  t.is(parseAmount('0\n'), 0);
  fc.assert(fc.property(fc.maxSafeNat(), (amount) => parseAmount(`${amount}\n`) === amount));
});

test('each of the kernel’s spellings of unlimited is null', (t) => {
  for (const text of ['max\n', '9223372036854771712\n', '9223372036854710272\n', '9223372036854775807\n']) {
    t.is(parseAmount(text), null, text);
  }
});

test('an invalid amount is null, never 0', (t) => {
  for (const text of ['', '\n', '-1\n', '1.5\n', '1 2\n', '0x10\n', 'nan\n']) t.is(parseAmount(text), null, text);
  fc.assert(
    fc.property(fc.string(), (text) => {
      const amount = parseAmount(text);
      return amount === null || (Number.isSafeInteger(amount) && amount >= 0);
    }),
  );
});

test('a keyed value is found by its full key', (t) => {
  const text = 'oom_kill_disable 1\nunder_oom 0\noom_kill 3\n';
  t.is(parseKeyed(text, 'oom_kill'), 3);
  t.is(parseKeyed(text, 'under_oom'), 0);
  t.is(parseKeyed(text, 'oom'), null);
  t.is(parseKeyed('', 'oom_kill'), null);
});

test('every pid is kept, including those of other pid namespaces (0)', (t) => {
  t.deepEqual(parseProcs(''), []);
  t.deepEqual(parseProcs('1\n0\n0\n32767\n'), [1, 0, 0, 32_767]);
});
