import test from 'ava';
import fc from 'fast-check';
import { type CpioEntry, makeCpio } from '../../src/vm/initramfs.ts';
import { unpackCpio } from './cpio.ts';

test('a header matches the format byte for byte', (t) => {
  const archive = makeCpio([{ path: 'dev/console', mode: 0o020600, device: [5, 1] }]).toString('latin1');
  const fields = ['00000001', '00002180', '00000000', '00000000', '00000001', '00000000', '00000000', '00000000'];
  t.is(
    archive.slice(0, 124),
    `070701${[...fields, '00000000', '00000005', '00000001', '0000000c', '00000000'].join('')}dev/console\0\0\0`,
  );
  t.is(archive.length, 124 + 124);
});

test('an empty archive has a trailer', (t) => {
  t.deepEqual(unpackCpio(makeCpio([])), []);
});

const entry: fc.Arbitrary<CpioEntry> = fc.record({
  path: fc.string({ minLength: 1, unit: 'grapheme' }).filter((path) => !path.includes('\0') && path !== 'TRAILER!!!'),
  mode: fc.integer({ min: 0, max: 0o177777 }),
  data: fc.uint8Array({ maxLength: 40 }).map((bytes) => Buffer.from(bytes)),
  device: fc.tuple(fc.nat(4095), fc.nat(0xfffff)),
});

test('entries read back with names and contents of any length', (t) => {
  fc.assert(
    fc.property(fc.array(entry), (entries) => {
      t.deepEqual(unpackCpio(makeCpio(entries)), entries as ReturnType<typeof unpackCpio>);
    }),
  );
});
