import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import test, { type ExecutionContext } from 'ava';
import { lockCandidates, lockPath, openLock, openLockFolders } from '../../src/cgroup/lock.ts';
import { SetupError } from '../../src/errors.ts';
import { asUser } from './sandbox.ts';

function newId() {
  return `test-${randomBytes(6).toString('hex')}`;
}

/** Users that only the test has: no lock directory of a real user can be in the way. */
let nextUser = 3_000_000_000 + process.pid;

function makeUser(t: ExecutionContext): { uid: number; directory: string } {
  const uid = nextUser++;
  const directory = `/tmp/kmem-run-${uid}`;
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  return { uid, directory };
}

function setRuntime(t: ExecutionContext, value: string | undefined): void {
  const before = process.env.XDG_RUNTIME_DIR;
  const set = (text: string | undefined) => {
    if (text === undefined) delete process.env.XDG_RUNTIME_DIR;
    else process.env.XDG_RUNTIME_DIR = text;
  };
  t.teardown(() => set(before));
  set(value);
}

function candidates(t: ExecutionContext, id: string, uid: number): string[] {
  const folders = openLockFolders(uid);
  t.teardown(() => folders.forEach(({ close }) => void close()));
  return lockCandidates(id, folders);
}

function refused(t: ExecutionContext, work: () => unknown, message: RegExp): void {
  const error = t.throws(work, { instanceOf: SetupError });
  t.is(error?.code, 'no-lock');
  t.regex(error?.message ?? '', message);
}

test.serial('root’s locks are in /run, others’ in their own runtime directory or otherwise in /tmp', (t) => {
  const { uid, directory } = makeUser(t);
  const runtime = mkdtempSync(`${tmpdir()}/kmem-test-`);
  t.teardown(() => rmSync(runtime, { recursive: true }));
  t.is(lockPath('a', 0), '/run/kmem-run/a.lock');
  setRuntime(t, undefined);
  t.is(lockPath('a', uid), `${directory}/a.lock`);
  setRuntime(t, runtime);
  t.is(lockPath('a', 0), '/run/kmem-run/a.lock');
  // As after su: the variable of another user.
  t.is(lockPath('a', uid), `${directory}/a.lock`);
  chownSync(runtime, uid, uid);
  t.is(lockPath('a', uid), `${runtime}/kmem-run/a.lock`);
});

test.serial('the lock file is private, close-on-exec and deleted on release', (t) => {
  const id = newId();
  const lock = openLock(id);
  t.teardown(() => lock.release());
  t.is(lock.path, lockPath(id, 0));
  t.is(statSync(lock.path).mode & 0o777, 0o600);
  t.is(statSync('/run/kmem-run').mode & 0o777, 0o700);
  const flags = /flags:\s*([0-7]+)/.exec(readFileSync(`/proc/self/fdinfo/${lock.fd}`, 'latin1'))?.[1];
  t.truthy(Number.parseInt(flags ?? '0', 8) & 0o2000000);
  refused(t, () => openLock(id), /EEXIST/);
  lock.release();
  t.false(existsSync(lock.path));
  const { fd, release } = openLock(newId());
  t.teardown(release);
  // Releasing twice must not close the descriptor that has the number now.
  lock.release();
  t.notThrows(() => readFileSync(`/proc/self/fdinfo/${fd}`));
});

test.serial('a flock taken by a child on the inherited descriptor outlives the child', (t) => {
  const lock = openLock(newId());
  t.teardown(() => lock.release());
  const free = () => spawnSync('flock', ['-n', lock.path, 'true']).status === 0;
  t.true(free());
  spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
  t.false(free());
});

test.serial('a lock directory that is not the user’s alone is rejected', (t) => {
  setRuntime(t, undefined);
  const cases: [RegExp, (directory: string, uid: number) => void][] = [
    [/belongs to user 0/, (directory) => mkdirSync(directory, { mode: 0o777 })],
    [
      /is accessible to other users/,
      (directory, uid) => {
        mkdirSync(directory);
        chmodSync(directory, 0o770);
        chownSync(directory, uid, uid);
      },
    ],
    [/is not a directory/, (directory) => symlinkSync('/tmp', directory)],
  ];
  for (const [message, prepare] of cases) {
    const { uid, directory } = makeUser(t);
    prepare(directory, uid);
    refused(t, () => asUser(uid, () => openLock('a')), message);
    t.false(existsSync('/tmp/a.lock'));
    t.deepEqual(candidates(t, 'a', uid), []);
  }
});

test.serial('not root: created by the user and found by root', (t) => {
  setRuntime(t, undefined);
  const { uid, directory } = makeUser(t);
  const lock = asUser(uid, () => openLock('a'));
  t.teardown(() => lock.release());
  t.is(statSync(lock.path).uid, uid);
  const [found] = candidates(t, 'a', uid);
  t.is(statSync(found ?? '').ino, statSync(`${directory}/a.lock`).ino);
  t.is(candidates(t, 'b', uid).length, 1);
});

test.serial('only a regular file is ever probed as a lock', (t) => {
  setRuntime(t, undefined);
  const { uid, directory } = makeUser(t);
  mkdirSync(directory, { mode: 0o700 });
  chownSync(directory, uid, uid);
  spawnSync('mkfifo', [`${directory}/a.lock`]);
  symlinkSync('/dev/zero', `${directory}/b.lock`);
  t.deepEqual(candidates(t, 'a', uid), []);
  t.deepEqual(candidates(t, 'b', uid), []);
});

test.serial('an id cannot escape the directory', (t) => {
  for (const id of ['..', '../a', 'a/b', '']) t.throws(() => lockPath(id, 0), { instanceOf: RangeError });
});
