import test from 'ava';
import type { ReplayReport } from '../../../src/experiment/replay/report.ts';
import { replayJson, replayText } from '../../../src/report/terminal/replay.ts';
import type { Result } from '../../../src/result/schema.ts';
import { factsOf, recordedOf } from '../../../src/statistics/recorded.ts';
import { compareReplays } from '../../../src/statistics/replayed.ts';
import { apacheStopFails, HOSTILE_TEXT, hostile, result, unread } from '../../fixtures/results.ts';
import { dangerous } from '../../fixtures/terminal.ts';

const plain = { color: false, width: null };

function report(recorded: Result, replays: readonly Result[], changes: Partial<ReplayReport> = {}): ReplayReport {
  const own = replays.map((one) => ({ id: one.id, facts: factsOf(one) }));
  const kept = recordedOf(recorded, null);
  const compared = compareReplays(
    kept.facts,
    own.map(({ facts }) => facts),
  );
  return {
    ...{ schemaVersion: 1, kind: 'replay', status: 'done', error: null, warnings: [], kmemRun: '0.1.0' },
    ...{ recorded: kept, replays: own, notReproduced: ['stdin: empty'] },
    ...compared,
    ...changes,
  };
}

function lines(...given: Parameters<typeof report>): string[] {
  return replayText(report(...given), plain).split('\n');
}

test('the same', (t) => {
  const [first, recorded, ...rest] = lines(apacheStopFails(), [apacheStopFails()]);
  t.is(first, 'kmem-run: the same in 1 replay: passed');
  t.regex(recorded ?? '', /^ {2}recorded {4}20250102-030405-abcdef, 2025-01-0\d .*: apachectl start$/);
  t.deepEqual(rest, [
    '  outcome     passed: same',
    '  first call  apache2: mmap (ENOMEM): same',
    '  failcnt     4: same',
    '  kmem peak   2,641,920 (2.52 MiB): same',
    '  not reused  stdin: empty',
    '',
  ]);
});

test('a difference: in how many replays, and how large', (t) => {
  const crash = result({ outcome: 'signaled', kmem: { maxUsage: 2_637_824 + 4096 } });
  const text = lines(result(), [result(), crash, crash]);
  t.is(text[0], 'kmem-run: different in outcome (3 replays)');
  t.true(text.includes('  outcome     passed → passed (1 of 3), signaled (2 of 3): different'));
  t.true(
    text.includes(
      '  kmem peak   2,637,824 (2.52 MiB) → 2,641,920 (2,637,824 to 2,641,920): the same within the spread, which is 12,288',
    ),
  );
});

test('a failure that did not occur is explained', (t) => {
  const injected = (outcome: string, seen: string | null): Result =>
    ({ ...result(), injections: [{ address: '0/17:mmap', mode: 'once', outcome, denials: 0, seen }] }) as never;
  const was = injected('injected', null);
  const [reached] = lines(was, [injected('not-reached', null)]);
  t.is(reached, 'kmem-run: different in injection 0/17:mmap (1 replay); the program did not reach that call');
  const [diverged, , ...rest] = lines(was, [injected('diverged', 'openat')]);
  t.regex(diverged ?? '', /; the program made a different call at that address, and kmem-run did not make it fail$/);
  t.true(rest.includes('  injection 0/17:mmap  injected → diverged: it was openat: different'));
});

test('stopped, failed, and with missing values', (t) => {
  t.is(lines(result(), [result()], { status: 'stopped' })[0], 'kmem-run: the same in 1 replay so far: passed');
  t.is(lines(result(), [], { status: 'stopped' })[0], 'kmem-run: not replayed');
  const error = { code: 'x', message: 'the reason', hint: 'the remedy' };
  t.true(lines(result(), [], { status: 'failed', error }).includes('  error       the reason'));
  t.true(lines(unread(), [unread()]).includes('  kmem peak   not read in either'));
  t.true(lines(unread(), [result()]).some((line) => /kmem peak .*not read → .*: cannot be compared$/.test(line)));
});

test('notes a possible cause', (t) => {
  const newer = result({ environment: { kernel: '6.19.0' } });
  t.true(lines(result(), [newer]).includes('  note        kernel: 6.18.5 → 6.19.0'));
});

test('hostile names are escaped', (t) => {
  const other = { ...hostile(), expectations: [], failures: [] };
  const circumstances = [{ what: HOSTILE_TEXT, recorded: HOSTILE_TEXT, replayed: [HOSTILE_TEXT] }];
  for (const replay of [hostile(), other, result()]) {
    const own = report(hostile(), [replay], { circumstances });
    t.deepEqual(dangerous(replayText(own, plain), '\n'), []);
    // As in all our JSON: characters that a terminal obeys are escaped, those that may fool a reader are data.
    t.deepEqual(dangerous(replayJson(own), '\n\u202e'), []);
  }
});
