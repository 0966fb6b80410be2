/** Ways around the gate: other system call tables, io_uring, leaving the group, losing one's parents. */

import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import test, { type ExecutionContext } from 'ava';
import { stateOf } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness, type Ran } from '../harness.ts';
import { lenient } from '../needs.ts';
import { TCP_ERRNO } from './tcp-errno.ts';

const LIMIT = ['--enforce', 'gate', '--kmem', '1M', '--timeout', lenient(30)];

function notesOf({ result }: Ran) {
  return result?.enforcement.notes.join('\n') ?? '';
}

function deniedOf({ result }: Ran, comm: string) {
  return (result?.failures ?? [])
    .filter((failure) => failure.comm === comm)
    .map(({ syscall, errno }) => `${syscall} ${errno}`);
}

test('int 0x80 from 64-bit code is gated by the table of i386', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run([...LIMIT, '--', compileFixture('abi'), 'int80']);
  if (spawnSync(compileFixture('abi'), ['int80']).signal === 'SIGSEGV') {
    t.log('this kernel has no int 0x80: it is a fault');
    t.is(ran.result?.exit.signal, 'SIGSEGV');
    return;
  }
  t.is(ran.status, 0, ran.stderr);
  t.deepEqual(ran.stdout.trimEnd().split('\n'), [
    'open ENOMEM',
    'mkdir ENOMEM',
    'pipe ENFILE',
    'mmap2 ENOMEM',
    'eventfd ENOMEM',
    'io_uring_setup EPERM',
    `socketcall tcp ${TCP_ERRNO}`,
    'socketcall udp ENFILE',
    'ipc msgget ENOMEM',
    'ipc msgget, version 1 ENOMEM',
    'ipc shmget ENOSPC',
    'ipc semop of no set EFAULT',
    // By x86-64's table these would be socket, pipe and clone.
    'dup, 41 ok',
    'umount, 22 ENOENT',
    'none, 56 ENOSYS',
  ]);
  t.deepEqual(deniedOf(ran, 'abi'), [
    'pipe2 ENFILE',
    'fork ENOMEM',
    'open ENOMEM',
    'mkdir ENOMEM',
    'pipe ENFILE',
    'mmap2 ENOMEM',
    'eventfd ENOMEM',
    'io_uring_setup EPERM',
    `socketcall ${TCP_ERRNO}`,
    'socketcall ENFILE',
    'ipc ENOMEM',
    'ipc ENOMEM',
    'ipc ENOSPC',
  ]);
  t.false(harness.has('made'));
  harness.assertNothingLeft();
});

test('calls with the x32 bit are gated, whether or not the kernel has x32', async (t) => {
  const harness = makeHarness(t);
  const run = async () => {
    const ran = await harness.run([...LIMIT, '--', compileFixture('abi'), 'x32']);
    t.is(ran.status, 0, ran.stderr);
    const [there = '', ...calls] = ran.stdout.trimEnd().split('\n');
    return { ran, there, calls };
  };
  let { ran, there, calls } = await run();
  // Memory that is freed late may leave room for one more pipe after the group was full.
  for (let tries = 1; tries < 5 && calls[0] !== 'pipe ENFILE'; tries += 1) ({ ran, there, calls } = await run());
  t.log(
    there === 'x32 ok' ? 'this kernel has x32' : 'this kernel has no x32: it says ENOSYS to what the gate lets through',
  );
  t.true(there === 'x32 ok' || there === 'x32 ENOSYS', there);
  t.deepEqual(calls, ['pipe ENFILE', 'mkdir ENOMEM', 'io_uring_setup EPERM']);
  t.deepEqual(deniedOf(ran, 'abi'), ['pipe2 ENFILE', 'pipe ENFILE', 'mkdir ENOMEM', 'io_uring_setup EPERM']);
  harness.assertNothingLeft();
});

test('io_uring_setup is refused, counted and noted; it is no denial, and no failure of a run that passed', async (t) => {
  const harness = makeHarness(t);
  const node = await harness.run([
    '--kmem',
    '64M',
    '--',
    process.execPath,
    '-e',
    "require('fs').promises.readFile('.').catch(String)",
  ]);
  t.is(node.status, 0, node.stderr);
  t.regex(node.stderr, /^kmem-run: passed: kernel memory peaked/);
  t.true(node.result?.failures.every(({ syscall }) => syscall === 'io_uring_setup'));
  t.true((node.result?.failures.length ?? 0) > 0);
  t.notRegex(node.stderr, /^ {2}failures /m);
  const ran = await harness.run([...LIMIT, '--', compileFixture('exhaust'), 'io_uring_setup']);
  t.like(JSON.parse(ran.stdout), { made: 0, errno: 1 });
  t.is(ran.result?.kmem.failcnt, 0);
  t.deepEqual(ran.result?.failureCounts, [{ comm: 'exhaust', syscall: 'io_uring_setup', errno: 'EPERM', count: 1 }]);
  t.regex(notesOf(ran), /io_uring_setup was refused 1 times? \(EPERM\)/);
  t.notRegex(notesOf(ran), /io_uring was let through/);
  harness.assertNothingLeft();
});

test('with --allow-io-uring it is let through, and the result says what that means', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run([...LIMIT, '--allow-io-uring', '--', compileFixture('exhaust'), 'io_uring_setup']);
  const { made, errno } = JSON.parse(ran.stdout);
  t.true(made > 0);
  t.is(errno, 12);
  t.regex(notesOf(ran), /io_uring was allowed, as requested: its operations are not gated/);
  t.notRegex(notesOf(ran), /refused/);
  harness.assertNothingLeft();
});

/** Its mkdir. Not the last failure: the process filling the group goes on until told to stop. */
function assertDeniedTo(t: ExecutionContext, { result }: Ran, pid: number): void {
  const mkdir = result?.failures.filter(({ syscall, errno }) => syscall === 'mkdir' && errno === 'ENOMEM') ?? [];
  t.deepEqual([...new Set(mkdir.map((failure) => failure.pid))], [pid]);
}

test('a program that moves itself to another cgroup stays gated, is said to have left, and is killed', async (t) => {
  const harness = makeHarness(t);
  const files = harness.sandbox.joins.map((directory) => `${directory}/cgroup.procs`);
  const ran = await harness.run([...LIMIT, '--', compileFixture('escape'), 'move', ...files]);
  t.is(ran.status, 0, ran.stderr);
  const [pid, errno] = ran.stdout.trim().split(' ');
  t.is(errno, 'ENOMEM');
  assertDeniedTo(t, ran, Number(pid));
  for (const file of files)
    t.true(notesOf(ran).includes(`opened ${file} for writing and may have left the group`), file);
  t.regex(notesOf(ran), /kmem-run killed 1 process that had left the group/);
  t.deepEqual(ran.result?.leftover, []);
  t.is(stateOf(Number(pid)), null);
  harness.assertNothingLeft();
});

test('a daemon that has lost its parents and its session stays gated, and is killed', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run([...LIMIT, '--', compileFixture('escape'), 'daemon']);
  t.is(ran.status, 0, ran.stderr);
  const [pid, errno] = ran.stdout.trim().split(' ');
  t.is(errno, 'ENOMEM');
  assertDeniedTo(t, ran, Number(pid));
  t.like(ran.result?.leftover, [{ pid: Number(pid), comm: 'escape' }]);
  t.is(stateOf(Number(pid)), null);
  harness.assertNothingLeft();
});

test('new user, pid, mount and cgroup namespaces change nothing', async (t) => {
  const harness = makeHarness(t);
  const folder = tmpfsFolder(t);
  const unshare = ['unshare', '--user', '--map-root-user', '--pid', '--fork', '--mount', '--cgroup'];
  const ran = await harness.run([...LIMIT, '--', ...unshare, compileFixture('exhaust'), 'symlink', folder]);
  t.is(ran.status, 0, ran.stderr);
  const { made, errno } = JSON.parse(ran.stdout);
  t.true(made > 0);
  t.is(errno, 28);
  t.deepEqual(deniedOf(ran, 'exhaust'), ['symlink ENOSPC']);
  harness.assertNothingLeft();
});

function tmpfsFolder(t: ExecutionContext): string {
  const folder = mkdtempSync('/dev/shm/kmem-run-test-');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
