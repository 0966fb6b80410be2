import test from 'ava';
import fc from 'fast-check';
import { bytesOf, fsPath, hasBytes, isPassable, textOf, withShownBytes } from '../../src/text/bytes.ts';
import { quote, shellWord } from '../../src/text/quote.ts';
import { visible } from '../../src/text/visible.ts';

/** Arbitrary bytes, and bytes that are nearly UTF-8. */
const bytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 6 }),
      fc.string({ unit: 'binary', maxLength: 4 }).map((text) => Buffer.from(text)),
      fc.constantFrom<readonly number[]>(
        [0xed, 0xa0, 0x80],
        [0xf4, 0x90, 0x80, 0x80],
        [0xc0, 0xaf],
        [0xe2, 0x82],
        [0xef, 0xbf, 0xbd],
      ),
    ),
    { maxLength: 6 },
  )
  .map((parts) => Buffer.concat(parts.map((part) => Buffer.from(part))));

test('bytes survive conversion to text and to JSON', (t) => {
  const property = fc.property(bytes, (given) => {
    const text = textOf(given);
    t.deepEqual(bytesOf(text), given);
    t.deepEqual(bytesOf(JSON.parse(JSON.stringify(text))), given);
    t.is(Buffer.from(JSON.stringify(text)).toString(), JSON.stringify(text));
    t.true(isPassable(text));
    t.true(withShownBytes(text).isWellFormed());
  });
  fc.assert(property, { numRuns: 2000 });
});

test('UTF-8 becomes text, and any other byte a lone surrogate', (t) => {
  const property = fc.property(fc.string({ unit: 'binary' }), (text) => {
    t.is(textOf(Buffer.from(text)), text);
    t.false(hasBytes(text));
    t.is(fsPath(text), text);
  });
  fc.assert(property);
  t.is(textOf(Buffer.from('caf\xe9 \xff\xc3\xa9', 'latin1')), 'caf\udce9 \udcff\u00e9');
  t.is(JSON.stringify('\udcff'), '"\\udcff"');
  t.true(hasBytes('a\udc80'));
  t.deepEqual(fsPath('a\udcff'), Buffer.from('a\xff', 'latin1'));
});

test('a lone surrogate that represents no byte cannot be passed on', (t) => {
  for (const text of ['\ud800', 'a\udc7f', '\udd00b', '\udfff']) t.false(isPassable(text), quote(text));
  t.true(isPassable('\udcff\u{1f4a9}'));
});

test('for people a byte is \\xff, and no character looks like it', (t) => {
  t.is(visible('a\udcff\u00ff\u0085\udc85'), 'a\\xff\u00ff\\u{85}\\x85');
  t.is(quote('a\udcff\\udcff'), '"a\\xff\\\\udcff"');
  t.is(shellWord("it's \\ \udcff"), "$'it\\x27s \\\\ \\xff'");
});
