import test from 'ava';
import { markdownReport } from '../../../src/report/markdown/report.ts';
import type { Result } from '../../../src/result/schema.ts';
import { compareRuns } from '../../../src/statistics/compare.ts';
import { sampleOfResult } from '../../../src/statistics/sample.ts';
import { profiled, profileRow } from '../../fixtures/profiles.ts';
import { HOSTILE_TEXT, result } from '../../fixtures/results.ts';
import { dangerous } from '../../fixtures/terminal.ts';

function report(...made: Result[]) {
  return markdownReport(
    made.map((one) => ({ kind: 'run', result: one })),
    { title: null, version: '0.1.0' },
  );
}

test('a table of what kernel memory consisted of', (t) => {
  const [, , head, table, note] = report(profiled()).split('\n\n');
  t.is(head, '**Kernel memory at the peak** of <code>apachectl start</code>: 700 KiB');
  const lines = table?.split('\n') ?? [];
  t.deepEqual(lines.slice(0, 6), [
    '| kernel memory | allocated | bytes at the peak | objects |',
    '| --- | --- | ---: | ---: |',
    '| <code>socket inode</code> | <code>by accept4 of apache2</code> | 340 KiB | 320 |',
    '| <code>kernel stack</code> | <code>by clone of apache2</code> | 128 KiB | 8 |',
    '| <code>page table</code> | <code>by page faults of apache2</code> | 100 KiB | 25 |',
    '| <code>epitem</code> | <code>by epoll&#95;ctl of apache2</code> (releases not seen) | 30 KiB | 30 |',
  ]);
  t.is(lines.at(-1), '| 3 more rows |  | 3 KiB | 3 |');
  t.is(note, 'Not explained: 64 KiB of 700 KiB (9 %).');
});

test('at most ten rows, and the profiles of at most three runs', (t) => {
  const rows = Array.from({ length: 25 }, (_, index) => profileRow(`part ${index}`, { atPeak: 100 - index }));
  const table = report(profiled({ rows })).split('\n\n')[3]?.split('\n') ?? [];
  t.is(table.length, 2 + 10 + 1);
  t.regex(table.at(-1) ?? '', /^\| 18 more rows \|/);
  const many = report(...Array.from({ length: 5 }, () => profiled()));
  t.is(many.match(/\*\*Kernel memory at the peak\*\*/g)?.length, 3);
});

test('nothing without a profile, and no table without rows', (t) => {
  t.notRegex(report(result()), /Kernel memory at the peak/);
  const none = {
    rows: 0,
    atPeak: { objects: 0, bytes: 0 },
    atEnd: { objects: 0, bytes: 0 },
    total: { objects: 0, bytes: 0 },
  };
  const empty = report(profiled({ rows: [], cut: none, peak: { atMs: null, usage: null, explained: 0 }, missed: 2 }));
  t.regex(empty, /\n\n\*\*Kernel memory at the peak\*\* of <code>apachectl start<\/code>\n\nThe profiler missed 2 /);
});

test('hostile names stay text in one cell', (t) => {
  const what = '|</code><script>@all `x`\n| - |';
  const text = report(profiled({ rows: [profileRow(what, { comm: what })] }));
  t.deepEqual(dangerous(text, '\n'), []);
  const line = text.split('\n').find((one) => one.includes('&#60;script'));
  t.is(line?.split('|').length, 6);
  t.notRegex(text, /<script/);
});

function compared(a: Result, b: Result) {
  const side = (name: string, made: Result) => ({ name, runs: 1, commands: [], results: [made] });
  const comparison = compareRuns([sampleOfResult(a)], [sampleOfResult(b)]);
  return markdownReport([{ kind: 'compare', a: side('before', a), b: side('after', b), comparison }], {
    title: null,
    version: '0.1.0',
  });
}

test('tables of what grew', (t) => {
  const rows = Array.from({ length: 15 }, (_, index) =>
    profileRow(`part ${index}`, { atPeak: 30 - index, user: [2, 3] }),
  );
  const uncounted = profileRow('epitem', { isCounted: false });
  const after = profiled({ rows: [...rows, uncounted] }, { kmem: { maxUsage: 9_000_000 } });
  const text = compared(profiled({ rows: [] }), after);
  const parts = text.split('\n\n');
  const at = parts.indexOf('**What grew**');
  const [kinds = [], stacks = []] = [1, 2].map((offset) => parts[at + offset]?.split('\n'));
  t.deepEqual(kinds.slice(0, 3), [
    '| kernel memory | by | A | B | growth |',
    '| --- | --- | ---: | ---: | ---: |',
    '| <code>part 0</code> | <code>accept4</code> | 0 B | 30 KiB | +30 KiB |',
  ]);
  t.is(stacks[0], '| kernel memory | by | stack, from the inside out | A | B | growth |');
  t.is(
    stacks[2],
    '| <code>part 0</code> | <code>accept4</code> | <code>accept4 ← listener&#95;thread</code> | 0 B | 30 KiB | +30 KiB |',
  );
  t.deepEqual([kinds.length, stacks.length], [12, 12]);
  t.is(parts[at + 3], 'Not compared: epitem (releases not seen).');
  t.is(parts[at + 4], 'Not listed by the profiles: A 3 KiB, B 3 KiB.');
  t.notRegex(compared(after, profiled({ rows: [] })), /What grew/);
  t.notRegex(compared(result(), after), /What grew/);
  t.notRegex(compared(profiled(), profiled({}, { kmem: { maxUsage: 9_000_000 } })), /What grew/);
});

test('hostile names in what grew stay text', (t) => {
  const what = `|<b>@all ${HOSTILE_TEXT}`;
  const rows = [profileRow(what, { call: what, user: [6], atPeak: 90 }), profileRow(what, { isCounted: false })];
  const text = compared(profiled({ rows: [] }), profiled({ rows }, { kmem: { maxUsage: 9_000_000 } }));
  t.deepEqual(dangerous(text, '\n'), []);
  t.notRegex(text, /<b>/);
});
