import { execFileSync } from 'node:child_process';
import test from 'ava';
import fc from 'fast-check';
import { bytesOf, textOf } from '../../src/text/bytes.ts';
import { shellLine, shellWord } from '../../src/text/quote.ts';

/** The words into which a shell splits a line. */
function wordsIn(line: string, shell = 'bash'): string[] {
  const written = execFileSync(shell, ['-c', `printf '%s\\0' ${line}`], { maxBuffer: 2 ** 24 });
  return textOf(written).split('\0').slice(0, -1);
}

test('a word is quoted only if necessary', (t) => {
  t.is(shellLine(['sh', '-c', 'true & wait', '', "it's"]), "sh -c 'true & wait' '' 'it'\\''s'");
  t.is(shellLine(['/usr/bin/env', 'A=b', '--x=1,2', 'a@b%c+d:e.f']), '/usr/bin/env A=b --x=1,2 a@b%c+d:e.f');
  t.is(shellWord('one\ntwo\t\u{9b}'), "$'one\\ntwo\\x09\\xc2\\x9b'");
  t.is(shellWord(textOf(Buffer.from([0x63, 0xe9, 0x27]))), "$'c\\xe9\\x27'");
});

test('a shell reads back the quoted words, and a line stays one line', (t) => {
  const word = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 20 }),
    fc.string({
      unit: fc.constantFrom("'", '"', '\\', '$', '`', '\n', '\r', 'x', '1', ' ', '!', '~', '#'),
      maxLength: 9,
    }),
    fc.uint8Array({ maxLength: 9 }).map((bytes) => textOf(Buffer.from(bytes))),
  );
  const passable = word.map((text) => textOf(bytesOf(text.replaceAll('\0', ''))));
  fc.assert(
    fc.property(fc.array(passable, { minLength: 1, maxLength: 50 }), (words) => {
      const line = shellLine(words);
      t.notRegex(line, /\p{Cc}/u);
      t.deepEqual(wordsIn(line), words);
    }),
    { numRuns: 50 },
  );
});

test('a shell without $ quoting also sees one word and runs nothing', (t) => {
  t.is(wordsIn(shellWord("a\n'; exit 3; '"), 'dash').length, 1);
});

test('text without control characters can be pasted into any POSIX shell', (t) => {
  const words = ['sh', '-c', 'echo \'a\' "$HOME" `x` $(y) \\ ! ~ *', 'é', '--x=a b'];
  t.deepEqual(wordsIn(shellLine(words), 'sh'), words);
});
