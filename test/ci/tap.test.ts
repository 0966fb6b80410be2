/** How the tiers count ava's TAP output: a test that did not run is not a pass. */

import test from 'ava';
import { readTap, sum, summary } from '../tiers/tap.ts';

function read(lines: string, status: number | null = 0) {
  const reading = readTap();
  for (const line of lines.split('\n')) reading.take(line);
  const { count, failed } = reading.end(status);
  return { text: summary(count), failed };
}

test('counts passes, skips and failures', (t) => {
  t.is(read('TAP version 13\nok 1 - a\nok 2 - b\n\n1..2\n# tests 2\n# pass 2\n# fail 0').text, '2 passed, 0 failed');
  const mixed = 'ok 1 - a\nok 2 - b # SKIP\nnot ok 3 - c # TODO\n\n1..3\n# tests 2\n# pass 1\n# skip 1\n# fail 1';
  t.is(read(mixed).text, '1 passed, 0 failed, 2 skipped');
  const failing = 'ok 1 - a\nnot ok 2 - b\n  ---\n    ok 9 - no\n\n1..2\n# tests 2\n# pass 1\n# fail 1';
  t.is(read(failing, 1).text, '1 passed, 1 failed');
});

test('a test that reports itself as skipped is not a pass', (t) => {
  const lines =
    'ok 1 - a\nok 2 - b\n#   skipped: this machine lacks apache2\nok 3 - c\n#   took 3 s\n\n1..3\n# pass 3\n# fail 0';
  t.is(read(lines).text, '2 passed, 0 failed, 1 skipped');
  t.is(read('ok 1 - a\n#   skipped: no time\n1..1').text, '0 passed, 1 failed, 1 skipped', 'nothing but skips');
});

test('failures are shown once more, without the lines of passed tests', (t) => {
  const lines =
    'not ok 1 - a\n  ---\n    at: here\n  ...\nok 2 - b\n# c\nnot ok 3 - d # TODO\nnot ok 4 - e\n\n1..4\n# fail 3';
  t.deepEqual(read(lines, 1).failed, ['not ok 1 - a', '  ---', '    at: here', '  ...', 'not ok 4 - e', '']);
  const logged = 'not ok 1 - a\n#   what it logged\n  ---\n    at: here\n  ...\nok 2 - b\n#   c\n\n1..2\n# fail 1';
  t.deepEqual(read(logged, 1).failed, ['not ok 1 - a', '#   what it logged', '  ---', '    at: here', '  ...']);
});

test('tests that never ran count as failures', (t) => {
  t.is(read('ok 1 - a\n\n1..1\n# fail 3', 1).text, '1 passed, 3 failed', 'a hook failed, or a file crashed');
  t.is(read('ok 1 - a', null).text, '1 passed, 1 failed', 'ended by a signal');
  t.is(read('ok 1 - a\n1..1', 3).text, '1 passed, 1 failed', 'a status that no test explains');
  t.is(read('1..0').text, '0 passed, 1 failed', 'no test ran');
  t.is(read('ok 1 - a').text, '1 passed, 1 failed', 'the end is missing');
  t.is(read('ok 1 - a # SKIP\n1..1').text, '0 passed, 1 failed, 1 skipped', 'nothing but skips');
});

test('several tiers are added up', (t) => {
  const one = { passed: 1, failed: 2, skipped: 3 };
  t.deepEqual(sum(one, one), { passed: 2, failed: 4, skipped: 6 });
});
