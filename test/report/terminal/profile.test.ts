import test from 'ava';
import { textReport } from '../../../src/report/terminal/run.ts';
import type { Result } from '../../../src/result/schema.ts';
import { profile, profiled, profileRow } from '../../fixtures/profiles.ts';
import { result } from '../../fixtures/results.ts';
import { dangerous } from '../../fixtures/terminal.ts';

const plain = { color: false, verbose: false, width: null };

/** The lines of the profile. */
function lines(made: Result, options = plain) {
  const all = textReport(made, options).split('\n');
  const start = all.findIndex((line) => line.startsWith('  profile '));
  if (start === -1) return [];
  const length = all.slice(start + 1).findIndex((line) => !line.startsWith(' '.repeat(15)));
  return all.slice(start, start + 1 + length).map((line) => line.slice(15));
}

test('the five largest rows at the peak, the others, and what is not explained', (t) => {
  t.deepEqual(lines(profiled()), [
    'at the peak of 700 KiB after 312.4 ms:',
    'socket inode 340 KiB in 320 objects, by accept4 of apache2',
    'kernel stack 128 KiB in 8 objects, by clone of apache2',
    'page table 100 KiB in 25 allocations, by page faults of apache2',
    'epitem 30 KiB in 30 objects, by epoll_ctl of apache2 (releases not seen)',
    String.raw`a\x1b[2J\x1b]0;owned\x07\r\nb\tc\u{202e}d\u{9b}31m\x7f\u{d8… 20 KiB in 20 objects, of a\x1b[2J\x1b]0;owned\x07\r\nb\tc\u{202e}d\u{9b}31m\x7f\u…`,
    '5 more rows: 18 KiB in 18 objects',
    'not explained: 64 KiB of 700 KiB (9 %)',
  ]);
});

test('--verbose prints all rows at the end of the report, aligned, with their caches', (t) => {
  const shown = lines(profiled(), { ...plain, verbose: true });
  t.deepEqual(shown.slice(0, 3), [
    'at the peak of 700 KiB after 312.4 ms:',
    'at peak         at end         total',
    '340 KiB in 320  4 KiB in 4     940 KiB in 920  socket inode [sock_inode_cache], by accept4 of apache2',
  ]);
  t.deepEqual(shown.slice(-4), [
    '0               0              8 KiB in 8      pid, by clone of apache2',
    '3 KiB in 3      0              9 KiB in 9      3 rows not listed',
    'not explained: 64 KiB of 700 KiB (9 %)',
    'at the end, not explained: 26 KiB of 160 KiB (16 %)',
  ]);
});

test('doubts are named', (t) => {
  const peak = { atMs: 1, usage: 600 * 1024, explained: 636 * 1024 };
  t.deepEqual(lines(profiled({ peak, untracked: 5, missed: 7 })).slice(-3), [
    'the rows add up to 36 KiB more than the counter',
    'too many objects to track: the release of 5 was not seen',
    'the profiler missed 7 allocations or releases',
  ]);
});

test('nothing without a profile, and no rows if nothing was allocated', (t) => {
  t.deepEqual(lines(result()), []);
  const { profile: _, ...old } = result();
  for (const verbose of [false, true]) t.deepEqual(lines(old as Result, { ...plain, verbose }), []);
  const { cut } = profile();
  const none = { objects: 0, bytes: 0 };
  const empty = profiled({
    rows: [],
    cut: { ...cut, rows: 0, atPeak: none, total: none },
    peak: { atMs: null, usage: null, explained: 0 },
    end: { usage: null, explained: 0 },
  });
  t.deepEqual(lines(empty), ['no kernel memory was allocated']);
  t.deepEqual(lines(empty, { ...plain, verbose: true }), ['no kernel memory was allocated']);
});

test('no name reaches the terminal as a control character', (t) => {
  for (const verbose of [false, true])
    for (const width of [null, 40, 80])
      t.deepEqual(dangerous(textReport(profiled(), { color: false, verbose, width }), '\n'), []);
});

test('thousands of rows take no time', (t) => {
  const rows = Array.from({ length: 20_000 }, (_, index) => profileRow(`part ${index % 5000}`, { user: [index % 5] }));
  t.regex(lines(profiled({ rows }))[6] ?? '', /^4,998 more rows: /);
});
