/**
 * Creates each kind of kernel object until the gate refuses one: the errno must be one that an enforcing kernel gives
 * (docs/reference/fidelity.md), and the number created must be the number the gate allowed. docs/reference/gate-rows.md
 * has the figures.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, release } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { type Harness, makeHarness } from '../harness.ts';
import { TCP_ERRNO } from './tcp-errno.ts';

type Errno = 'ENOMEM' | 'ENFILE' | 'ENOBUFS' | 'ENOSPC' | 'EAGAIN';

type Row = Readonly<{
  name: string;
  /** How many were made under a native limit of 4 MiB on Linux 5.10, before the first failure. */
  made: number;
  errno: Errno;
  /** The system call that fails; default: the row's name. */
  syscall?: string | RegExp;
  /** If 6.18 does not charge what 5.10 charged: bytes per object on 6.18, by difference, and why. */
  differs?: Readonly<{ bytes: number; why: string }>;
}>;

const SMALLER_FILE = 'struct file is 192 bytes instead of 256';
const TMPFS_INODE = 'an inode of tmpfs is 752 bytes, about 30 more';

/** Page table isolation: a process has two pages for the uppermost table, and more for the kernel's entry. */
const MELTDOWN = '/sys/devices/system/cpu/vulnerabilities/meltdown';
const hasPti = existsSync(MELTDOWN) && readFileSync(MELTDOWN, 'utf8').includes('PTI');

/** It contains the registers of the processor: 1,600 bytes more with AVX-512. */
function taskBytes(): number {
  return Number(/^task_struct +\d+ +\d+ +(\d+)/m.exec(readFileSync('/proc/slabinfo', 'utf8'))?.[1]);
}

const rows: readonly Row[] = [
  {
    name: 'fork',
    made: 55,
    errno: 'ENOMEM',
    syscall: 'clone',
    ...(hasPti && { differs: { bytes: 81_000, why: 'page table isolation, which 5.10 did not have' } }),
  },
  {
    name: 'thread',
    made: 169,
    errno: 'ENOMEM',
    syscall: 'clone',
    differs: { bytes: 16_600 + taskBytes(), why: `struct task_struct is ${taskBytes()} bytes` },
  },
  { name: 'socket_tcp', made: 1168, errno: TCP_ERRNO, syscall: 'socket' },
  {
    name: 'socket_udp',
    made: 1684,
    errno: 'ENFILE',
    syscall: 'socket',
    differs: { bytes: 2612, why: 'struct udp_sock is 1,344 bytes, about 120 more' },
  },
  { name: 'socket_unix', made: 1729, errno: 'ENFILE', syscall: 'socket' },
  { name: 'socketpair', made: 864, errno: 'ENFILE' },
  { name: 'pipe', made: 1597, errno: 'ENFILE', syscall: 'pipe2' },
  { name: 'open', made: 14_795, errno: 'ENOMEM', syscall: 'openat', differs: { bytes: 200, why: SMALLER_FILE } },
  { name: 'creat', made: 4190, errno: 'ENOSPC' },
  { name: 'mkdir', made: 4510, errno: 'ENOSPC', differs: { bytes: 960, why: TMPFS_INODE } },
  { name: 'link', made: 20_921, errno: 'ENOMEM' },
  { name: 'symlink', made: 4508, errno: 'ENOSPC', differs: { bytes: 960, why: TMPFS_INODE } },
  { name: 'memfd_create', made: 3452, errno: 'ENOSPC' },
  // In several tables if RLIMIT_NOFILE allows fewer descriptors and cannot be raised; then dup2 makes the table.
  { name: 'dup', made: 262_136, errno: 'ENOMEM', syscall: /^dup2?$/ },
  { name: 'fcntl', made: 262_136, errno: 'ENOMEM' },
  { name: 'eventfd', made: 8418, errno: 'ENOMEM', syscall: 'eventfd2', differs: { bytes: 400, why: SMALLER_FILE } },
  {
    name: 'timerfd',
    made: 8418,
    errno: 'ENOMEM',
    syscall: 'timerfd_create',
    differs: { bytes: 400, why: SMALLER_FILE },
  },
  { name: 'signalfd', made: 8418, errno: 'ENOMEM', syscall: 'signalfd4', differs: { bytes: 400, why: SMALLER_FILE } },
  { name: 'epoll_create1', made: 8418, errno: 'ENOMEM', differs: { bytes: 400, why: SMALLER_FILE } },
  {
    name: 'epoll_ctl',
    made: 17_441,
    errno: 'ENOMEM',
    differs: { bytes: 208, why: 'struct eppoll_entry is 64 bytes, a pointer less' },
  },
  { name: 'inotify_init', made: 4019, errno: 'ENOMEM', syscall: 'inotify_init1' },
  { name: 'inotify_watch', made: 47_560, errno: 'ENOMEM', syscall: 'inotify_add_watch' },
  {
    name: 'userfaultfd',
    made: 8418,
    errno: 'ENOMEM',
    differs: { bytes: 1050, why: 'each has its own inode' },
  },
  { name: 'io_uring_setup', made: 482, errno: 'ENOMEM', differs: { bytes: 9410, why: 'more of a ring is charged' } },
  { name: 'msgget', made: 15_848, errno: 'ENOMEM' },
  { name: 'msgsnd', made: 2034, errno: 'ENOMEM' },
  { name: 'mq_open', made: 2873, errno: 'ENOMEM' },
  { name: 'semget', made: 1018, errno: 'ENOMEM' },
  { name: 'shmget', made: 2873, errno: 'ENOSPC' },
  { name: 'mmap', made: 20_115, errno: 'ENOMEM' },
  { name: 'mprotect', made: 10_057, errno: 'ENOMEM' },
  { name: 'munmap', made: 20_120, errno: 'ENOMEM' },
  { name: 'madvise', made: 10_057, errno: 'EAGAIN' },
  { name: 'mlock', made: 10_057, errno: 'ENOMEM', syscall: 'mlock2' },
];

const LIMIT = 4 * 1024 * 1024;
const TOLERANCE = 0.05;
const FILES_TO_WATCH = 60_000;

/** The table for 5.10 was compared on this kernel; on others only the kernel's own sizes determine what to expect. */
const comparable = release().startsWith('6.18.');

/** Limits that a row needs raised above the system's defaults; the first two do not belong to a namespace. */
const ROOM_FOR_INOTIFY = ['max_user_instances', 'max_user_watches'].map((name) => `/proc/sys/fs/inotify/${name}`);
const ROOM_FOR_IPC = [
  'echo 100000000 > /proc/sys/kernel/msgmnb && echo 100000 > /proc/sys/fs/mqueue/queues_max || exit 9',
  '"$@"; status=$?',
  'tail -q -n +2 /proc/sysvipc/msg /proc/sysvipc/sem /proc/sysvipc/shm > ipc-left',
  'exit $status',
].join('\n');

const before = ROOM_FOR_INOTIFY.map((file) => ({ file, room: readFileSync(file, 'utf8') }));
test.before(() => {
  for (const { file, room } of before) writeFileSync(file, String(Math.max(Number(room), 100_000)));
});
test.after.always(() => {
  for (const { file, room } of before) writeFileSync(file, room);
});

type Exhausted = Readonly<{ row: string; made: number; errno: number; before: number; after: number }>;

/** Runs the row in its own IPC namespace. `fill`: it stops by itself after charging this many bytes. */
async function exhaust(t: ExecutionContext, harness: Harness, { name }: Row, args: readonly string[], fill?: number) {
  const folder = join(tmpfsFolder(t), 'row');
  mkdirSync(folder);
  const program = compileFixture('exhaust');
  if (name === 'inotify_watch') execFileSync(program, ['files', folder, String(FILES_TO_WATCH)]);
  const last = fill === undefined ? [] : [String(fill)];
  const ran = await harness.run([...args, '--', program, name, folder, ...last], {
    under: ['unshare', '--ipc', 'sh', '-c', ROOM_FOR_IPC, 'sh'],
  });
  t.is(ran.status, 0, ran.stderr);
  t.is(harness.read('ipc-left'), '');
  if (name !== 'inotify_watch') t.deepEqual(readdirSync(folder), []);
  return { ...ran, ...(JSON.parse(ran.stdout) as Exhausted) };
}

function tmpfsFolder(t: ExecutionContext): string {
  const folder = mkdtempSync('/dev/shm/kmem-run-test-');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

function exactly(word: string) {
  return new RegExp(`^${word}$`);
}

function assertNear(t: ExecutionContext, actual: number, expected: number, what: string): void {
  const off = actual / expected - 1;
  t.true(Math.abs(off) <= TOLERANCE, `${what}: ${actual} is ${(100 * off).toFixed(1)} % off ${expected}`);
}

for (const row of rows) {
  test.serial(`${row.name}: ${row.errno} after as many objects as the limit allows`, async (t) => {
    const harness = makeHarness(t);
    const own = await exhaust(t, harness, row, ['--enforce', 'none'], LIMIT);
    t.is(own.errno, 0);
    const gated = await exhaust(t, harness, row, ['--kmem', String(LIMIT), '--allow-io-uring']);
    t.is(gated.errno, constants.errno[row.errno]);
    t.is(gated.result?.kmem.failcnt, 1);
    const [failure] = gated.result?.failures ?? [];
    t.is(failure?.errno, row.errno);
    t.regex(failure?.syscall ?? '', row.syscall instanceof RegExp ? row.syscall : exactly(row.syscall ?? row.name));
    const bytes = (gated.after - gated.before) / gated.made;
    t.log(
      `${gated.made} made, ${own.made} by this kernel's sizes, ${row.made} on 5.10; ${bytes.toFixed(0)} bytes each`,
    );
    assertNear(t, gated.made, own.made, 'by the sizes of this kernel');
    if (comparable && row.differs === undefined) assertNear(t, gated.made, row.made, 'on 5.10');
    if (comparable && row.differs !== undefined) assertNear(t, bytes, row.differs.bytes, row.differs.why);
    harness.assertNothingLeft();
  });
}
