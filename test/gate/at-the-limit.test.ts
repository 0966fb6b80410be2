/** At the limit a program gets an error that the call can return, and what it already has stays intact. */

import { execFileSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import anyTest from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { needs, slowness } from '../needs.ts';
import { TCP_ERRNO } from './tcp-errno.ts';

const test = anyTest.serial;
const fixtures = join(import.meta.dirname, '..', 'fixtures');

const growing = [
  ['sbrk'],
  ['sbrk', '5000'],
  ['child'],
  ['child', '5000'],
  ['thread'],
  ['thread', '5000'],
  ['malloc'],
] as const;

for (const linkage of ['dynamic', 'static'] as const) {
  for (const args of growing) {
    test(`a ${linkage} program at the limit gets ENOMEM: ${args.join(' ')}`, async (t) => {
      const harness = makeHarness(t);
      const program = linkage === 'dynamic' ? compileFixture('grow-heap') : harness.path('grow-heap');
      const source = join(fixtures, 'grow-heap.c');
      if (linkage === 'static') execFileSync('cc', ['-O1', '-static', '-pthread', '-o', program, source]);
      const { status, stdout, stderr, result } = await harness.run(['--kmem', '256K', '--', program, ...args]);
      t.is(status, 0, stderr);
      t.is(stdout, 'full: ENOMEM\n');
      const brk = result?.failures.find(({ syscall }) => syscall === 'brk');
      t.is(brk?.errno, null, 'brk fails by answering the old break');
      t.true(result?.failures.every(({ detail }) => detail === null || detail !== ''));
      harness.assertNothingLeft();
    });
  }
}

const python = `
blocks = []
try:
    while True:
        blocks.append(bytearray(b"x" * 50000))
except MemoryError:
    whole = all(len(block) == 50000 and block[0] == block[-1] == 120 for block in blocks)
    many = len(blocks) > 10
    del blocks
    print("MemoryError", whole, many, bytearray(100)[99])
`;

test('Python and Perl report that memory ran out', async (t) => {
  if (!needs(t, existsSync('/usr/bin/python3') && existsSync('/usr/bin/perl'), 'python3 and perl')) return;
  const harness = makeHarness(t);
  const run = (...command: string[]) => harness.run(['--kmem', '700K', '--quiet', '--', ...command]);
  const raised = await run('/usr/bin/python3', '-S', '-c', python);
  t.is(raised.stdout, 'MemoryError True True 0\n', raised.stderr);
  t.is(raised.status, 0);
  t.true((raised.result?.kmem.failcnt ?? 0) > 0);
  const died = await run('/usr/bin/perl', '-e', 'my @blocks; while (1) { push @blocks, "x" x 50000 }');
  t.regex(died.stderr, /Out of memory/);
  t.is(died.status, 1);
  harness.assertNothingLeft();
});

for (const as of ['root, not dumpable', 'nobody, by a setuid program']) {
  test(`denials of an undumpable process (${as}) have the right detail or none`, async (t) => {
    const harness = makeHarness(t);
    const program = harness.path('undumpable');
    copyFileSync(compileFixture('undumpable'), program);
    chmodSync(program, 0o4755);
    const user = as.startsWith('nobody') ? ['--user', 'nobody'] : [];
    const { status, stdout, result } = await harness.run(['--kmem', '1M', ...user, '--', program]);
    t.is(status, 0);
    t.is(stdout, 'mkdir ENOMEM, sbrk ENOMEM\n');
    const mkdir = result?.failures.find(({ syscall }) => syscall === 'mkdir');
    t.is(mkdir?.comm, 'undumpable');
    t.true(mkdir?.detail === 'never-made' || mkdir?.detail === null);
    t.false(harness.has('never-made'));
    harness.assertNothingLeft();
  });
}

/** Rows of the table whose errno is not, or not always, ENOMEM. */
const others = {
  pipe: 'ENFILE',
  socket_tcp: TCP_ERRNO,
  socket_udp: 'ENFILE',
  socket_unix: 'ENFILE',
  creat: 'ENOSPC',
  symlink: 'ENOSPC',
  memfd_create: 'ENOSPC',
  shmget: 'ENOSPC',
  madvise: 'EAGAIN',
};

test('--errno enomem returns ENOMEM for every call', async (t) => {
  const harness = makeHarness(t);
  const tmpfs = mkdtempSync('/dev/shm/kmem-run-test-');
  t.teardown(() => rmSync(tmpfs, { recursive: true, force: true }));
  const program = compileFixture('exhaust');
  for (const [row, native] of Object.entries(others)) {
    for (const errno of ['native', 'enomem']) {
      const { result } = await harness.run(['--kmem', '1M', '--errno', errno, '--', program, row, tmpfs]);
      const told = result?.failures.at(-1);
      t.is(told?.errno, errno === 'native' ? native : 'ENOMEM', `${row}, --errno ${errno}`);
    }
  }
  harness.assertNothingLeft();
});

const sparse = compileFixture('sparse-touch');

test('a note says how long page tables stayed above the limit without a call', async (t) => {
  const harness = makeHarness(t);
  const program = [sparse, '2048', String(800 * slowness)];
  const { status, stderr, result } = await harness.run(['--kmem', '1M', '--verbose', '--', ...program]);
  t.is(status, 0);
  const note = result?.enforcement.notes.find((text) => text.includes('stayed above'));
  const ms = Number(/stayed above the kmem limit for (\d+) ms while no call was denied/.exec(note ?? '')?.[1]);
  t.true(ms >= 200 && ms <= (result?.durations.wallMs ?? 0), note);
  t.true((result?.kmem.overshoot ?? 0) > 2 << 20);
  t.is(result?.kmem.failcnt, 0);
  t.is(result?.outcome, 'passed');
  const isWatched = result?.enforcement.programs?.faults !== null;
  t.regex(stderr, isWatched ? /denied: page faults took/ : /denied: the cause is unknown/);
  harness.assertNothingLeft();
});

test('memory taken by failed lookups is not attributed to page tables', async (t) => {
  const harness = makeHarness(t);
  const script = 'i=0; while [ $i -lt 20000 ]; do [ -e absent$i ]; i=$((i+1)); done';
  const options = ['--kmem', '1M', '--hold', `${1000 * slowness}ms`];
  const { result, stderr } = await harness.run([...options, '--', 'sh', '-c', script]);
  t.true((result?.kmem.overshoot ?? 0) > 1 << 20, stderr);
  const note = result?.enforcement.notes.find((text) => text.includes('stayed above'));
  const isWatched = result?.enforcement.programs?.faults !== null;
  t.regex(note ?? '', isWatched ? /by calls that are not gated/ : /the cause is unknown/);
  harness.assertNothingLeft();
});

test('--on-overrun kill ends the run as oom', async (t) => {
  const harness = makeHarness(t);
  const kill = ['--kmem', '1M', '--on-overrun', 'kill'];
  const { status, result } = await harness.run([...kill, '--', sparse, '2048', '30000']);
  t.is(result?.terminationReason, 'overrun');
  t.is(result?.outcome, 'oom');
  t.not(status, 0);
  t.true((result?.durations.wallMs ?? Number.POSITIVE_INFINITY) < 20_000);
  const within = await harness.run([...kill, '--', sparse, '64', '800']);
  t.is(within.status, 0);
  t.is(within.result?.terminationReason, null);
  harness.assertNothingLeft();
});
