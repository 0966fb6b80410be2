/** `--profile` of programs that make a known number of objects: rows are exact, and explain the group's counter. */

import anyTest from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { lenient, where } from '../needs.ts';
import { assertExplained, objectsAtPeak, profileIn, rowsOf, whyNoProfile } from './profile-runs.ts';

const test = where(whyNoProfile === null, `programs of --profile (${whyNoProfile})`, anyTest.serial);
const kinds = compileFixture('kinds');
const MADE = 1000;
/** Below the limit of processes in a test's group. */
const TASKS = 300;

type Expected = Readonly<{
  /** Rows of each use whose figure at the peak is the number made, or a multiple: they differ in their caches. */
  rows: Readonly<Record<string, readonly number[]>>;
  count?: number;
}>;

const FILE: Expected['rows'] = { 'open file': [1], dentry: [1] };

const EXPECTED: Readonly<Record<string, Expected>> = {
  socket: { rows: { ...FILE, socket: [1], 'socket inode': [1] } },
  // A pipe has two ends; its buffers are an object of their own.
  pipe: { rows: { pipe: [1, 1], inode: [1], dentry: [1], 'open file': [2] } },
  // What these files stand for is not charged.
  eventfd: { rows: FILE },
  timerfd: { rows: FILE },
  epoll: { rows: FILE },
  'epoll-entry': { rows: { 'epoll entry': [1, 1] } },
  timer: { rows: { 'POSIX timer': [1] } },
  thread: { rows: { task: [1], pid: [1], 'kernel stack': [1] }, count: TASKS },
  process: {
    rows: { task: [1], pid: [1], 'kernel stack': [1], 'address space': [1], 'signal state': [1] },
    count: TASKS,
  },
  mapping: { rows: { 'mapping (VMA)': [1] } },
  'page-table': { rows: { 'page tables': [1] } },
  file: { rows: { 'tmpfs inode': [1], dentry: [1] } },
  watch: { rows: { 'inotify watch': [1], 'tmpfs inode': [1], dentry: [1] } },
  // Not charged: of the file there is one.
  lock: { rows: { 'tmpfs inode': [1 / MADE] } },
  semaphores: { rows: { 'semaphore set': [1] } },
  queue: { rows: { 'message queue': [1] } },
  segment: { rows: { 'shared memory segment': [1], 'tmpfs inode': [1] } },
};

for (const [kind, { rows, count = MADE }] of Object.entries(EXPECTED)) {
  test(`${count} of the kind ${kind} are counted exactly, and explain the counter`, async (t) => {
    const harness = makeHarness(t);
    const { status, stderr, result } = await harness.run(['--profile', '--quiet', '--', kinds, kind, `${count}`]);
    t.is(status, 0, stderr);
    const profile = profileIn(result);
    for (const [what, multiples] of Object.entries(rows))
      t.deepEqual(
        objectsAtPeak(profile, what).slice(0, multiples.length),
        multiples.map((multiple) => multiple * count),
        what,
      );
    assertExplained(t, profile);
    t.is(profile.untracked, 0);
    t.is(profile.cut.rows, 0);
    harness.assertNothingLeft();
  });
}

const ROUNDS = 2000;

const RELEASED: Readonly<Record<string, readonly string[]>> = {
  'epoll-entry': ['epoll entry'],
  timer: ['POSIX timer'],
  socket: ['socket', 'socket inode', 'dentry', 'open file'],
};

for (const [kind, names] of Object.entries(RELEASED)) {
  test(`of ${ROUNDS} that are released (${kind}) none is live at the end, unless that is said to be unknown`, async (t) => {
    const harness = makeHarness(t);
    const args = ['--profile', '--quiet', '--wait', 'exit', '--timeout', lenient(60)];
    const { status, stderr, result } = await harness.run([...args, '--', kinds, kind, `${ROUNDS}`, 'released']);
    t.is(status, 0, stderr);
    const profile = profileIn(result);
    for (const what of names) {
      const made = rowsOf(profile, what).filter(({ total }) => total.objects >= ROUNDS);
      t.true(made.length > 0, what);
      for (const row of made.filter(({ isCounted }) => isCounted)) t.is(row.atEnd.objects, 0, what);
    }
    // The child is alive at the end, so that there is something at all.
    t.true(profile.end.explained > 0);
    harness.assertNothingLeft();
  });
}
