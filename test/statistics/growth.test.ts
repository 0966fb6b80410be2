import test from 'ava';
import type { ProfileRow, Result } from '../../src/result/schema.ts';
import { compareRuns, growthOfPeak } from '../../src/statistics/compare.ts';
import { growthOf, profileSampleOf } from '../../src/statistics/growth.ts';
import { sampleOfResult } from '../../src/statistics/sample.ts';
import { profile, profiled, profileRow } from '../fixtures/profiles.ts';
import { result } from '../fixtures/results.ts';

const KiB = 1024;
const none = { objects: 0, bytes: 0 };
const nothingCut = { rows: 0, atPeak: none, atEnd: none, total: none };

function of(...rows: ProfileRow[]) {
  return profileSampleOf(profile({ rows, cut: nothingCut }));
}

/** `a` live objects of 1 KiB. */
function sockets(atPeak: number, changes: Partial<Parameters<typeof profileRow>[1]> = {}) {
  return profileRow('socket inode', { atPeak, user: [2, 3], ...changes });
}

test('what grew, by kind and by stack, the largest first', (t) => {
  const growth = growthOf(
    [of(sockets(10), profileRow('dentry', { call: 'openat', atPeak: 5 }), profileRow('pid', { atPeak: 9 }))],
    [
      of(
        sockets(12),
        sockets(30, { user: [3] }),
        profileRow('dentry', { call: 'openat', atPeak: 8 }),
        profileRow('pid', { atPeak: 1 }),
        profileRow('page table', { origin: 'fault', call: null, atPeak: 4, kernel: [0] }),
      ),
    ],
  );
  t.deepEqual(growth?.kinds, [
    { what: 'socket inode', by: 'accept4', stack: [], a: 10 * KiB, b: 42 * KiB },
    { what: 'page table', by: 'page faults', stack: [], a: 0, b: 4 * KiB },
    { what: 'dentry', by: 'openat', stack: [], a: 5 * KiB, b: 8 * KiB },
  ]);
  // The stack of dentries is not known; that of page tables is the kernel's.
  t.deepEqual(growth?.stacks, [
    { what: 'socket inode', by: 'accept4', stack: ['listener_thread'], a: 0, b: 30 * KiB },
    { what: 'page table', by: 'page faults', stack: ['sock_alloc_inode'], a: 0, b: 4 * KiB },
    { what: 'socket inode', by: 'accept4', stack: ['accept4', 'listener_thread'], a: 10 * KiB, b: 12 * KiB },
  ]);
  t.deepEqual([growth?.unseen, growth?.unlisted], [[], { a: 0, b: 0 }]);
});

test('a kind whose stack was located in some runs only is not compared by stack', (t) => {
  const nameless = sockets(12, { user: [], kernel: [0] });
  const growth = growthOf([of(nameless)], [of(sockets(14))]);
  t.like(growth?.kinds[0], { a: 12 * KiB, b: 14 * KiB });
  t.deepEqual(growth?.stacks, []);
});

test('the same kind in several processes and sizes is one', (t) => {
  const growth = growthOf([of()], [of(sockets(1, { comm: 'a' }), sockets(1, { comm: 'b', size: 2 * KiB }))]);
  t.is(growth?.kinds.length, 1);
  t.is(growth?.kinds[0]?.b, 3 * KiB);
  t.is(growth?.stacks.length, 1);
});

test('medians of several runs, in which a kind may be absent', (t) => {
  const runs = (...counts: number[]) => counts.map((count) => of(...(count === 0 ? [] : [sockets(count)])));
  t.like(growthOf(runs(1, 2, 90), runs(3, 0, 4))?.kinds[0], { a: 2 * KiB, b: 3 * KiB });
  t.deepEqual(growthOf(runs(1, 1, 1), runs(0, 0, 90))?.kinds, []);
  // Runs without a profile do not count.
  t.like(growthOf([null, ...runs(1)], [...runs(5), null, null])?.kinds[0], { a: KiB, b: 5 * KiB });
});

test('nothing without a profile on both sides', (t) => {
  t.is(growthOf([], [of()]), null);
  t.is(growthOf([null], [of()]), null);
  t.is(growthOf([of()], [null]), null);
  t.deepEqual(growthOf([of(sockets(3))], [of(sockets(3))])?.kinds, []);
});

test('what is not counted on either side is named, not compared', (t) => {
  const uncounted = sockets(50, { isCounted: false });
  const both = [profileRow('dentry', { atPeak: 9 })];
  for (const [a, b] of [
    [of(uncounted), of(sockets(90), ...both)],
    [of(sockets(1)), of(sockets(90, { isCounted: false }), ...both)],
    [of(sockets(1)), of(sockets(90), uncounted, { ...uncounted, call: 'socket' }, ...both)],
  ] as const) {
    const growth = growthOf([a], [b]);
    t.deepEqual(growth?.unseen, ['socket inode']);
    t.deepEqual(
      growth?.kinds.map(({ what }) => what),
      ['dentry'],
    );
    t.deepEqual(growth?.stacks, []);
  }
});

test('growth that rows which are not listed could explain is not reported', (t) => {
  const cut = (bytes: number) => ({ ...nothingCut, rows: 2, atPeak: { objects: 2, bytes } });
  const with_ = (rows: ProfileRow[], bytes: number) => profileSampleOf(profile({ rows, cut: cut(bytes) }));
  const rows = [sockets(10), profileRow('dentry', { atPeak: 3 })];
  const growth = growthOf([with_([], 3 * KiB)], [with_(rows, KiB)]);
  t.deepEqual(
    growth?.kinds.map(({ what }) => what),
    ['socket inode'],
  );
  t.deepEqual(growth?.unlisted, { a: 3 * KiB, b: KiB });
});

test('it explains only a peak that rose', (t) => {
  const run = (maxUsage: number, count: number): Result =>
    profiled({ rows: [sockets(count)], cut: nothingCut }, { kmem: { maxUsage } });
  const growth = (a: Result[], b: Result[]) => {
    const [point] = compareRuns(a.map(sampleOfResult), b.map(sampleOfResult)).points;
    return point === undefined ? undefined : growthOfPeak(point);
  };
  t.is(growth([run(100, 1)], [run(200, 9)])?.kinds.length, 1);
  t.is(growth([run(200, 1)], [run(100, 9)]), null);
  t.is(growth([run(200, 1)], [run(200, 9)]), null);
  t.is(growth([run(1, 1), run(3, 1), run(1, 1)], [run(3, 9), run(1, 9), run(3, 9)]), null);
  t.is(growth([run(100, 1)], [result({ kmem: { maxUsage: 200 } })]), null);
  t.is(growth([run(100, 1)], [profiled({}, { kmem: { maxUsage: null } })]), null);
});

test('it does not change the verdict', (t) => {
  const runs = (count: number) => [sampleOfResult(profiled({ rows: [sockets(count)] }))];
  t.is(compareRuns(runs(1), runs(99)).verdict, 'same');
  const { profile: _, ...old } = result();
  t.is(sampleOfResult(old as Result).profile, null);
});
