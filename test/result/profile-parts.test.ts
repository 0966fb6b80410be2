import test from 'ava';
import {
  allocatorText,
  cutText,
  frameName,
  largestAtPeak,
  mergedRows,
  profileDoubts,
  stackRows,
  unexplainedText,
} from '../../src/result/profile-parts.ts';
import { profile, profileRow } from '../fixtures/profiles.ts';

const KiB = 1024;

test('rows that differ only in stack, size or cache are merged', (t) => {
  const rows = [
    profileRow('inode', { cache: 'kmalloc-1k', atPeak: 1, user: [0] }),
    profileRow('inode', { cache: 'kmalloc-2k', atPeak: 2, atEnd: 1, size: 2 * KiB }),
    profileRow('inode', { cache: 'kmalloc-1k', atPeak: 1, kernel: [1] }),
  ];
  const merged = mergedRows({ rows });
  t.is(merged.length, 1);
  t.like(merged[0], {
    caches: ['kmalloc-1k', 'kmalloc-2k'],
    peak: { objects: 4, bytes: 6 * KiB },
    end: { objects: 1, bytes: 2 * KiB },
  });
});

test('rows that differ in anything that is shown are not merged', (t) => {
  const base = profileRow('inode');
  const others = [
    { ...base, what: 'dentry' },
    { ...base, comm: 'sh' },
    { ...base, call: 'accept' },
    { ...base, call: null, origin: 'fault' as const },
    { ...base, isCounted: false },
    { ...base, kind: 'pages' as const },
  ];
  t.is(mergedRows({ rows: [base, ...others] }).length, 7);
});

test('sorted by the moment that is asked for', (t) => {
  const rows = [profileRow('a', { atPeak: 3, atEnd: 1 }), profileRow('b', { atPeak: 2, atEnd: 2, total: 9 })];
  const names = (at: 'peak' | 'end' | 'total') => mergedRows({ rows }, at).map(({ what }) => what);
  t.deepEqual(
    [names('peak'), names('end'), names('total')],
    [
      ['a', 'b'],
      ['b', 'a'],
      ['b', 'a'],
    ],
  );
});

test('the others are what was live at the peak and is not shown', (t) => {
  const { shown, others } = largestAtPeak(profile(), 5);
  t.deepEqual(
    shown.map(({ peak }) => peak.bytes / KiB),
    [340, 128, 100, 30, 20],
  );
  // Two rows and three that were cut; the one of no size at the peak does not count.
  t.deepEqual(others, { name: '5 more rows', objects: 18, bytes: 18 * KiB });
  const none = { objects: 0, bytes: 0 };
  const noneAtPeak = { ...profile().cut, atPeak: none };
  t.deepEqual(largestAtPeak(profile({ cut: noneAtPeak }), 100).others, { name: null, ...none });
});

test('what the rows do not explain', (t) => {
  t.is(unexplainedText({ usage: 100 * KiB, explained: 90 * KiB }), 'not explained: 10 KiB of 100 KiB (10 %)');
  t.is(
    unexplainedText({ usage: 100 * KiB, explained: 100 * KiB - 1 }),
    'not explained: 1 B of 100 KiB (less than 1 %)',
  );
  t.is(unexplainedText({ usage: KiB, explained: 3 * KiB }), 'the rows add up to 2 KiB more than the counter');
  t.is(unexplainedText({ usage: KiB, explained: KiB }), null);
  t.is(unexplainedText({ usage: null, explained: 3 * KiB }), null);
  t.is(unexplainedText({ usage: 0, explained: 0 }), null);
});

test('doubts are listed only if there are any', (t) => {
  t.deepEqual(profileDoubts({ untracked: 0, missed: 0 }), []);
  t.deepEqual(profileDoubts({ untracked: 1200, missed: 1 }), [
    'too many objects to track: the release of 1,200 was not seen',
    'the profiler missed 1 allocation or release',
  ]);
});

test('says what allocated it', (t) => {
  const row = { comm: 'nginx', origin: 'call', call: 'accept4' } as const;
  t.is(allocatorText(row), 'by accept4 of nginx');
  t.is(allocatorText({ ...row, origin: 'fault', call: null }), 'by page faults of nginx');
  t.is(allocatorText({ ...row, origin: 'other', call: null }), 'of nginx');
  t.is(allocatorText({ ...row, call: null }), 'of nginx');
});

test('a stack has its frames, also those that the result lacks', (t) => {
  const rows = stackRows(profile(), 'end');
  t.deepEqual(
    rows.map(({ what, amount }) => [what, amount.objects]),
    [
      ['socket inode', 4],
      ['page table', 25],
      ['epitem', 30],
    ],
  );
  t.deepEqual(rows[0]?.kernel.map(frameName), ['sock_alloc_inode', '__sys_accept4']);
  t.is(
    stackRows({ rows: [profileRow('x', { user: [99] })], frames: [] }, 'peak')[0]?.user.map(frameName)[0],
    '[unknown]',
  );
});

test('a frame without a function is named by its place', (t) => {
  const named = (changes: object) => frameName({ function: null, file: null, offset: null, ...changes });
  t.is(named({ function: 'main', file: '/bin/a', offset: 1 }), 'main');
  t.is(named({ file: '/usr/sbin/apache2', offset: 0x421f0 }), 'apache2+0x421f0');
  t.is(named({ file: 'a', offset: 0 }), 'a+0x0');
  t.is(named({ function: '', file: '/bin/a' }), 'a');
  t.is(named({}), '[unknown]');
});

test('rows that the profiler had no room for are not numbered', (t) => {
  const { cut } = profile();
  t.is(largestAtPeak(profile({ cut: { ...cut, rows: null } }), 2).others.name, 'more rows (not counted)');
  t.is(cutText({ ...cut, rows: null }), 'rows not listed (not counted)');
  t.is(cutText({ ...cut, rows: 1 }), '1 row not listed');
  t.is(cutText({ ...cut, rows: 0 }), null);
});
