import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ProfilePart, ProfileTotals } from '../../src/gate/protocol.ts';
import { findProgram } from '../../src/host/programs.ts';
import { profileSchema } from '../../src/result/schema-profile.ts';
import { createProfileLog, MOST_ROWS } from '../../src/run/profile.ts';
import { needs } from '../needs.ts';

const PART: ProfilePart = {
  event: 'part',
  kind: 'object',
  allocator: 'alloc_pipe_info',
  cache: 'kmalloc-cg-192',
  size: 192,
  comm: 'dash',
  call: -2,
  unseen: 0,
  ...{ peakObjects: 2, peakBytes: 384, endObjects: 1, endBytes: 192, objects: 5, bytes: 960 },
  kernel: null,
  user: null,
};

const TOTALS: ProfileTotals = {
  event: 'profile',
  ...{ peakAtNs: 2_500_000, peakUsage: 8192, endUsage: 4096 },
  ...{ cutRows: 0, cutPeakObjects: 0, cutPeakBytes: 0, cutEndObjects: 0, cutEndBytes: 0, cutObjects: 0, cutBytes: 0 },
  ...{ untracked: 3, missed: 4 },
};

function profileOf(parts: readonly Partial<ProfilePart>[], totals: Partial<ProfileTotals> = {}) {
  const log = createProfileLog('6.1.0');
  for (const part of parts) log.take({ ...PART, ...part });
  log.take({ ...TOTALS, ...totals });
  return profileSchema.unwrap().parse(log.profile());
}

test('there is no profile until the helper has sent all of it', (t) => {
  const log = createProfileLog('6.1.0');
  t.is(log.profile(), null);
  log.take(PART);
  log.take({ event: 'locked' });
  t.is(log.profile(), null);
  log.take(TOTALS);
  t.is(log.profile()?.rows.length, 1);
});

test('a row has the figures of its part; the sums include what the helper cut', (t) => {
  const { peak, end, rows, cut, untracked, missed } = profileOf([{}], {
    ...{ cutRows: 7, cutPeakObjects: 1, cutPeakBytes: 16, cutEndObjects: 2, cutEndBytes: 8 },
    ...{ cutObjects: 3, cutBytes: 24 },
  });
  t.deepEqual(peak, { atMs: 2.5, usage: 8192, explained: 400 });
  t.deepEqual(end, { usage: 4096, explained: 200 });
  t.deepEqual(
    [rows[0]?.atPeak, rows[0]?.atEnd, rows[0]?.total],
    [
      { objects: 2, bytes: 384 },
      { objects: 1, bytes: 192 },
      { objects: 5, bytes: 960 },
    ],
  );
  t.deepEqual(cut, {
    rows: 7,
    atPeak: { objects: 1, bytes: 16 },
    atEnd: { objects: 2, bytes: 8 },
    total: { objects: 3, bytes: 24 },
  });
  t.deepEqual([untracked, missed], [3, 4]);
});

test('nothing allocated is null, not 0', (t) => {
  const { peak, end, rows } = profileOf([], { peakAtNs: null, peakUsage: null, endUsage: null });
  t.deepEqual(peak, { atMs: null, usage: null, explained: 0 });
  t.deepEqual(end, { usage: null, explained: 0 });
  t.deepEqual(rows, []);
});

test('the call is named, and faults and unknown origins have none', (t) => {
  const numbers = [-1, -2, -3, 424, 99_999];
  const { rows } = profileOf(numbers.map((call, index) => ({ call, peakBytes: 100 - index })));
  t.deepEqual(
    rows.map(({ origin, call }) => [origin, call]),
    [
      ['fault', null],
      ['other', null],
      ['other', null],
      ['call', 'pidfd_send_signal'],
      ['call', 'call_99999'],
    ],
  );
});

test('rows are sorted by their bytes at the peak, then at the end, then in all', (t) => {
  const sized = [
    { comm: 'd', peakBytes: 1, endBytes: 2, bytes: 9 },
    { comm: 'a', peakBytes: 5, endBytes: 0, bytes: 5 },
    { comm: 'c', peakBytes: 1, endBytes: 3, bytes: 3 },
    { comm: 'b', peakBytes: 1, endBytes: 3, bytes: 4 },
    { comm: 'f', peakBytes: 0, endBytes: 0, bytes: 1 },
    { comm: 'e', peakBytes: 0, endBytes: 0, bytes: 1 },
  ];
  for (const parts of [sized, sized.toReversed()])
    t.is(
      profileOf(parts)
        .rows.map(({ comm }) => comm)
        .join(''),
      'abcdef',
    );
});

test('rows that differ only in their stacks are separate, and frames are listed once', (t) => {
  const { rows, frames } = profileOf([
    {
      peakBytes: 3,
      kernel: 'bpf_prog_1_part bpf_trace_run6 alloc_pipe_info do_pipe2',
      user: '10 /bin/a\n?\n0xfF /lib/b c',
    },
    { peakBytes: 2, kernel: 'get_pipe_inode do_pipe2', user: '10 /bin/a\n20 ?' },
    { peakBytes: 1 },
  ]);
  t.deepEqual(
    rows.map(({ kernel }) => kernel.map((index) => frames[index]?.function)),
    [['alloc_pipe_info', 'do_pipe2'], ['get_pipe_inode', 'do_pipe2'], []],
  );
  t.deepEqual(
    rows.map(({ user }) => user.map((index) => [frames[index]?.offset, frames[index]?.file])),
    [
      [
        [16, '/bin/a'],
        [null, null],
        [255, '/lib/b c'],
      ],
      [
        [16, '/bin/a'],
        [null, null],
      ],
      [],
    ],
  );
  t.is(frames.length, 6);
});

test('the smallest rows beyond the maximum are summed up', (t) => {
  const parts = Array.from({ length: MOST_ROWS + 2 }, (_, index) => ({
    ...{ peakObjects: 1, peakBytes: index + 1, endObjects: 0, endBytes: 0, objects: 1, bytes: index + 1 },
  }));
  const { rows, cut, peak } = profileOf(parts, { cutRows: 5, cutPeakObjects: 10, cutPeakBytes: 100 });
  t.is(rows.length, MOST_ROWS);
  t.is(rows.at(-1)?.atPeak.bytes, 3);
  t.is(cut.rows, 7);
  t.deepEqual(cut.atPeak, { objects: 12, bytes: 103 });
  t.is(peak.explained, 100 + ((MOST_ROWS + 2) * (MOST_ROWS + 3)) / 2);
});

test('the functions of a program are named; an address after a call belongs to the caller', (t) => {
  const tools = ['gcc', 'nm'].every((name) => findProgram(name) !== null);
  if (!needs(t, process.arch === 'x64' && tools, 'gcc on x86-64')) return;
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-profile-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const [source, program] = [join(folder, 'program.c'), join(folder, 'program')];
  // The call to abort() is the last instruction of first().
  writeFileSync(
    source,
    '#include <stdlib.h>\nvoid first(void) { abort(); }\nvoid second(void) {}\nint main(void) { first(); }\n',
  );
  execFileSync('gcc', ['-g0', '-O1', '-no-pie', '-falign-functions=1', '-o', program, source]);
  const line = execFileSync('nm', [program], { encoding: 'utf8' })
    .split('\n')
    .find((text) => text.endsWith(' T second'));
  const user = `${(Number.parseInt(line ?? '', 16) - 0x400000).toString(16)} ${program}`;
  const { rows, frames } = profileOf([
    { call: 0, peakBytes: 2, user: `${user}\n${user}\n10 /nonexistent` },
    { call: -1, peakBytes: 1, user: `${user}\n${user}` },
  ]);
  t.deepEqual(
    rows.map((row) => row.user.map((index) => frames[index]?.function)),
    [
      ['first', 'first', null],
      ['second', 'first'],
    ],
  );
  t.deepEqual(
    frames.map(({ file }) => file),
    [program, '/nonexistent', program],
  );
});

test('parts that the helper had no room for are not numbered', (t) => {
  t.is(profileOf([{}], { cutRows: null }).cut.rows, null);
});
