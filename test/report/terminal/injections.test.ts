import test from 'ava';
import { injectionRows } from '../../../src/report/terminal/rows.ts';
import { textReport } from '../../../src/report/terminal/run.ts';
import { injectionsOf } from '../../../src/result/notes.ts';
import { result } from '../../fixtures/results.ts';

function told(reached: number, denials: number, seen: string | null) {
  return { event: 'injection', reached, denials, seen } as const;
}

test('the gate’s reports are matched to the requested addresses', (t) => {
  const asked = ['0/1:mmap', '0/2+', '0/3', '0/4:brk', '0/5:mmap'];
  const events = [told(1, 1, null), told(1, 7, null), told(0, 0, null), told(1, 0, null), told(0, 0, 'openat')];
  t.deepEqual(injectionsOf(asked, events), [
    { address: '0/1:mmap', mode: 'once', outcome: 'injected', denials: 1, seen: null },
    { address: '0/2+', mode: 'persistent', outcome: 'injected', denials: 7, seen: null },
    { address: '0/3', mode: 'once', outcome: 'not-reached', denials: 0, seen: null },
    { address: '0/4:brk', mode: 'once', outcome: 'injected', denials: 0, seen: null },
    { address: '0/5:mmap', mode: 'once', outcome: 'diverged', denials: 0, seen: 'openat' },
  ]);
});

test('if the gate died before reporting, nothing is invented', (t) => {
  t.is(injectionsOf(['0/1', '0/2'], []), null);
  t.is(injectionsOf(['0/1', '0/2'], [told(1, 1, null)]), null);
  t.deepEqual(injectionsOf([], []), []);
});

test('the report has a line for each injection, and none if none was requested', (t) => {
  const inject = ['0/1:mmap', '0/2+', '0/3', '0/4:brk', '0/5:mmap'];
  const events = [told(1, 1, null), told(1, 7, null), told(0, 0, null), told(1, 0, null), told(0, 0, 'openat')];
  const made = result({ spec: { inject }, injections: injectionsOf(inject, events) });
  const lines = injectionRows(made).flatMap((row) => row.lines);
  t.deepEqual(lines, [
    { text: '0/1:mmap: failed', tone: 'plain' },
    { text: '0/2+: 7 calls failed', tone: 'plain' },
    { text: '0/3: not reached: no such call was made', tone: 'warn' },
    { text: '0/4:brk: the call was made, but it cannot fail', tone: 'warn' },
    { text: '0/5:mmap: not injected: the call made there was openat', tone: 'warn' },
  ]);
  t.regex(textReport(made, { color: false, width: null, verbose: false }), /^ {2}injected +0\/1:mmap: failed$/m);
  t.deepEqual(injectionRows(result()), []);
  const lost = injectionRows(result({ spec: { inject }, injections: null }));
  t.deepEqual(lost[0]?.lines, [{ text: 'their outcome is unknown', tone: 'warn' }]);
});
