/** What varies between undisturbed runs, and what does not. */

import test from 'ava';
import fc from 'fast-check';
import { departure, learn } from '../../../src/experiment/explore/pattern.ts';
import { type OwnNames, scrub } from '../../../src/experiment/explore/scrub.ts';

const names: OwnNames = {
  folder: '/tmp/kmem-run-Ab12Cd/000007',
  ports: [20_345, 20_346],
  startedAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
};

for (const [text, scrubbed] of [
  ['wrote /tmp/kmem-run-Ab12Cd/000007/log', 'wrote <dir>/log'],
  ['port 20345, [::]:20345, 120345 and 203456', 'port <port>, [::]:<port>, 120345 and 203456'],
  ['ports 20345 and 20346', 'ports <port> and <port>'],
  ['[Fri Jan 02 03:04:05.123456 2026] started', '[<time>] started'],
  ['2026-01-02T03:04:05.678Z ok', '<time> ok'],
  ['2026-01-02 03:04:05,678 ok', '<time> ok'],
  ['127.0.0.1 - - [02/Jan/2026:03:04:05 +0000] "GET / HTTP/1.1" 200', '127.0.0.1 - - [<time>] "GET / HTTP/1.1" 200'],
  ['Date: Fri, 02 Jan 2026 03:04:05 GMT', 'Date: <time>'],
  ['at 3:04:05 sharp', 'at <time> sharp'],
  ['epoch 1767323045 and 1767323045123', 'epoch <time> and <time>'],
  ['the number 1234567890 is no time of today', 'the number 1234567890 is no time of today'],
  ['took 12 ms, 0.25 s', 'took <duration> ms, <duration> s'],
  ['5 s and 12 sheep', '5 s and 12 sheep'],
  ['at 0x7ffff7fc1000', 'at <address>'],
  ['a month: Mayor May 5', 'a month: Mayor <time>'],
  ['version 1.2.3, ratio 3:4', 'version 1.2.3, ratio 3:4'],
] as const) {
  test(`scrubbed: ${text}`, (t) => {
    t.is(scrub(text, names), scrubbed);
    t.is(scrub(scrub(text, names), names), scrubbed);
  });
}

test('text common to two runs is fixed, and differing parts match anything of their kind', (t) => {
  const pattern = learn('worker 123 in /tmp/x.Ab1\nready\n', 'worker 4567 in /tmp/x.zQ9\nready\n');
  if (pattern === null) return t.fail();
  t.is(departure('worker 99 in /tmp/x.000\nready\n', pattern), null);
  t.deepEqual(departure('worker no in /tmp/x.000\nready\n', pattern)?.extra, 'worker no in /tmp/x.000');
  t.deepEqual(departure('worker 99 in /tmp/x.000\n', pattern), { missing: 'ready', extra: null });
  t.deepEqual(departure('worker 99 in /tmp/x.000\nready\nready\n', pattern), { missing: null, extra: 'ready' });
  t.deepEqual(departure('worker 99 in /tmp/x.000\nrea', pattern)?.extra, 'rea');
  return undefined;
});

test('lines that once came in another order may come in any order', (t) => {
  const pattern = learn('a is up\nb is up\nbye\n', 'b is up\na is up\nbye\n');
  if (pattern === null) return t.fail();
  t.is(departure('bye\nb is up\na is up\n', pattern), null);
  t.deepEqual(departure('bye\na is up\na is up\n', pattern), { missing: 'b is up', extra: 'a is up' });
  const ordered = learn('one\ntwo\n', 'one\ntwo\n');
  if (ordered === null) return t.fail();
  t.deepEqual(departure('two\none\n', ordered), { missing: 'one', extra: 'two' });
  return undefined;
});

test('two texts with too little in common yield no pattern', (t) => {
  t.is(learn('one line\n', 'one line\nand another\n'), null);
  t.is(learn('some words of one kind\n', 'others, that is of another\n'), null);
});

const word = fc.stringMatching(/^[a-z]{2,8}$/);
/** A line with placeholders for a number and a name; each run fills them arbitrarily. */
const template = fc.array(fc.tuple(fc.array(word, { minLength: 3, maxLength: 8 }), fc.boolean(), fc.boolean()), {
  minLength: 1,
  maxLength: 12,
});
function fill(lines: readonly (readonly [readonly string[], boolean, boolean])[], pid: number, name: string): string {
  return lines
    .map(([words, hasPid, hasName]) =>
      [...words, ...(hasPid ? [`#${pid}`] : []), ...(hasName ? [`tmp.${name}`] : [])].join(' '),
    )
    .join('\n');
}

const pid = fc.integer({ min: 1, max: 4_194_304 });
const name = fc.stringMatching(/^[A-Za-z0-9]{6}$/);

test('a run that differs only in pids and temporary names matches; one with other words does not', (t) => {
  const property = fc.property(
    template,
    fc.tuple(pid, pid, pid),
    fc.tuple(name, name, name),
    fc.nat(),
    ([...lines], pids, [first, second, third], at) => {
      fc.pre(new Set(pids).size === 3 && first !== second);
      const pattern = learn(fill(lines, pids[0], first), fill(lines, pids[1], second));
      if (pattern === null) return void t.fail();
      const text = fill(lines, pids[2], third);
      t.is(departure(text, pattern), null);
      const given = text.split('\n');
      const index = at % given.length;
      t.not(departure(given.toSpliced(index, 1).join('\n'), pattern), null);
      t.not(departure(given.toSpliced(index, 0, 'more words than any').join('\n'), pattern), null);
      t.not(departure(given.with(index, `${given[index]} AND`).join('\n'), pattern), null);
      t.not(departure(given.with(index, (given[index] ?? '').replace(/^../, 'A-')).join('\n'), pattern), null);
      return undefined;
    },
  );
  fc.assert(property, { numRuns: 200 });
});
