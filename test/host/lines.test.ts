import test from 'ava';
import fc from 'fast-check';
import { cutLines } from '../../src/host/lines.ts';

test('lines are complete, however the bytes are split', (t) => {
  const texts = fc.array(fc.string({ unit: 'grapheme' }).filter((text) => !text.includes('\n')));
  fc.assert(
    fc.property(texts, fc.array(fc.nat(200)), (lines, cuts) => {
      const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
      const seen: string[] = [];
      const take = cutLines((line) => seen.push(line));
      const places = [...new Set([0, ...cuts.map((cut) => cut % (bytes.length + 1)), bytes.length])].toSorted(
        (a, b) => a - b,
      );
      for (const [index, at] of places.entries()) take(bytes.subarray(at, places[index + 1] ?? at));
      t.deepEqual(seen, lines);
    }),
  );
});

test('an unfinished line is not delivered', (t) => {
  const seen: string[] = [];
  const take = cutLines((line) => seen.push(line));
  take(Buffer.from('half'));
  t.deepEqual(seen, []);
  take(Buffer.from(' and half\n'));
  t.deepEqual(seen, ['half and half']);
});
