/**
 * Whatever programs do with privileges, filters, tracers, threads and processes works the same with and without the
 * gate.
 */

import { chmodSync, copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { needs, slowness } from '../needs.ts';

const test = anyTest.serial;

function notesOf(result: { enforcement: { notes: readonly string[] } } | null) {
  return result?.enforcement.notes.join('\n') ?? '';
}

/** Without the system's own programs there is nothing to try. */
function has(t: ExecutionContext, program: string, debianPackage: string) {
  return needs(t, existsSync(program), debianPackage);
}

test('setuid programs keep their privilege', async (t) => {
  const harness = makeHarness(t);
  const id = harness.path('id');
  copyFileSync('/usr/bin/id', id);
  chmodSync(id, 0o4755);
  const { status, stdout, result } = await harness.run(['--kmem', '64M', '--user', 'nobody', '--', id]);
  t.is(status, 0);
  t.regex(stdout, /^uid=65534\(nobody\) .*euid=0\(root\)/);
  t.notRegex(notesOf(result), /no_new_privs/);

  const passwd = await harness.run(['--kmem', '64M', '--user', 'nobody', '--', 'passwd', '--status']);
  t.is(passwd.status, 0, passwd.stderr);
  t.regex(passwd.stdout, /^nobody /);
  harness.assertNothingLeft();
});

const filters = { prctl: '-1, EPERM', seccomp: '-1, EPERM', trap: '4711, 0' };

for (const [how, answer] of Object.entries(filters)) {
  test(`a program's own seccomp filter works: ${how}`, async (t) => {
    const harness = makeHarness(t);
    const { status, stdout, result } = await harness.run(['--kmem', '64M', '--', compileFixture('own-filter'), how]);
    t.is(status, 0);
    t.is(stdout, `self: getppid gives ${answer}\nchild: getppid gives ${answer}\n`);
    t.is(result?.kmem.failcnt, 0);
    t.true((result?.enforcement.gatedCalls ?? 0) > 10);
    harness.assertNothingLeft();
  });
}

const sandboxes: readonly (readonly [program: string, debianPackage: string, args: readonly string[], says: RegExp])[] =
  [
    ['/usr/bin/bwrap', 'bubblewrap', ['--ro-bind', '/', '/', '--unshare-all', 'echo', 'inside'], /^inside$/],
    ['/usr/bin/unshare', 'util-linux', ['-r', 'id', '-u'], /^0$/],
    ['/usr/bin/unshare', 'util-linux', ['-n', 'cat', '/proc/net/dev'], /^ +lo:(?! *[1-9])/m],
    ['/usr/bin/unshare', 'util-linux', ['-mpf', '--mount-proc', 'sh', '-c', 'echo $$'], /^1$/],
    ['/usr/bin/systemd-run', 'systemd', ['--version'], /^systemd \d+/],
    ['/usr/bin/setpriv', 'util-linux', ['--no-new-privs', '--bounding-set', '-all', 'id', '-u'], /^0$/],
  ];

for (const [program, debianPackage, args, says] of sandboxes) {
  test(`${program} ${args.join(' ')}`, async (t) => {
    if (!has(t, program, debianPackage)) return;
    const harness = makeHarness(t);
    const { status, stdout, stderr, result } = await harness.run(['--kmem', '64M', '--quiet', '--', program, ...args]);
    t.is(status, 0, stderr);
    t.regex(stdout.trimEnd(), says);
    t.is(stderr, '');
    t.is(result?.kmem.failcnt, 0);
    harness.assertNothingLeft();
  });
}

test('a program that requests its own listener gets EBUSY, and a note says so', async (t) => {
  const harness = makeHarness(t);
  const { stdout, result } = await harness.run(['--kmem', '64M', '--', compileFixture('own-filter'), 'listener']);
  t.is(stdout, 'EBUSY\n');
  t.regex(notesOf(result), /own-filter requested a seccomp listener.*EBUSY/);
  const other = await harness.run(['--kmem', '64M', '--', compileFixture('own-filter'), 'seccomp']);
  t.notRegex(notesOf(other.result), /listener/);
});

test('a tracer works, and a note names it', async (t) => {
  if (!has(t, '/usr/bin/strace', 'strace')) return;
  const harness = makeHarness(t);
  const traced = ['strace', '-f', '-o', 'trace', 'sh', '-c', 'mkdir made; /bin/true'];
  const { status, result } = await harness.run(['--kmem', '64M', '--', ...traced]);
  t.is(status, 0);
  t.true(harness.has('made'));
  const trace = harness.read('trace').split('\n');
  t.true(trace.some((line) => /mkdir\("made", 0777\) += 0/.test(line)));
  t.true(trace.some((line) => /execve\("\/bin\/true"/.test(line)));
  t.regex(notesOf(result), /strace traces processes/);
  harness.assertNothingLeft();
});

const swarms = [
  ['threads', 200],
  ['vforks', 100],
  ['spawns', 100],
  ['sleepers', 2000],
] as const;

for (const [kind, count] of swarms) {
  test(`${count} ${kind}`, async (t) => {
    const harness = makeHarness(t);
    writeFileSync(join(harness.sandbox.pids, 'pids.max'), String(count + 100));
    const swarm = [compileFixture('swarm'), kind, String(count)];
    const { status, stdout, stderr, result } = await harness.run(['--kmem', '512M', '--', ...swarm]);
    t.is(status, 0, stderr);
    t.is(stdout, `${count}\n`);
    t.is(result?.kmem.failcnt, 0);
    t.true((result?.enforcement.gatedCalls ?? 0) > count);
    t.deepEqual(result?.leftover, []);
    harness.assertNothingLeft();
  });
}

test('2,000 processes still running are ended with the run', async (t) => {
  // 2,000 execs: seven minutes on an emulated machine with half a CPU.
  const timeout = 180_000 * slowness;
  t.timeout(timeout);
  const harness = makeHarness(t);
  writeFileSync(join(harness.sandbox.pids, 'pids.max'), '2100');
  const script = 'i=0; while [ $i -lt 2000 ]; do sleep 1000 & i=$((i + 1)); done; echo $i';
  const sleepers = ['--kmem', '512M', '--', 'sh', '-c', script];
  const { status, stdout, stderr, result } = await harness.run(sleepers, { timeout });
  t.is(status, 0, stderr);
  t.is(stdout, '2000\n');
  t.is(result?.kmem.failcnt, 0);
  t.is(result?.leftover.length, 2000);
  harness.assertNothingLeft();
});

test('--pids contains a fork bomb', async (t) => {
  const harness = makeHarness(t);
  const bomb = compileFixture('fork-bomb');
  // With one emulated CPU, the runner gets the same share of it as each of the bomb's processes.
  const most = slowness > 1 ? 40 : 200;
  const limits = ['--kmem', '64M', '--pids', String(most), '--timeout', '1500ms', '--grace', '300ms'];
  const { status, result } = await harness.run([...limits, '--', bomb]);
  t.is(status, 124);
  t.is(result?.outcome, 'timeout');
  t.is(result?.pids?.max, most);
  t.true((result?.pids?.failcnt ?? 0) > 0);
  harness.assertNothingLeft();
});

const connect = `
import socket, sys
for path in sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX)
    s.connect(path.replace('@', chr(0)))
    print('connected')
`;
const listen = `
import os, socket, sys
kept = []
for path in sys.argv[1:]:
    s = socket.socket(socket.AF_UNIX)
    s.bind(path.replace('@', chr(0)))
    s.listen()
    kept.append(s)
if os.fork() > 0:
    os._exit(0)
import time
time.sleep(30)
`;

test('a note reports each connect to a service outside the group, and no other connect', async (t) => {
  if (!has(t, '/usr/bin/python3', 'python3')) return;
  const harness = makeHarness(t);
  const folder = mkdtempSync('/run/kmem-run-test-');
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  const services = ['docker.sock', 'podman/podman.sock', 'containerd/containerd.sock', 'systemd/private', 'user/1/bus'];
  const named = [...services, 'dbus/system_bus_socket'].map((name) => join(folder, name));
  const others = [join(folder, 'my.sock'), harness.path('docker.sock'), `@${folder}/docker.sock`];
  for (const path of named) mkdirSync(dirname(path), { recursive: true });
  const paths = [...named, ...others].join(' ');
  writeFileSync(harness.path('connect.py'), connect);
  writeFileSync(harness.path('listen.py'), listen);
  const steps = ['--then', `exec /usr/bin/python3 connect.py ${paths}`];
  const listening = ['/usr/bin/python3', 'listen.py', ...named, ...others];
  const { status, stdout, stderr, result } = await harness.run(['--kmem', '64M', ...steps, '--', ...listening]);
  t.is(status, 0, stderr);
  t.is(stdout, 'connected\n'.repeat(9));
  const told = result?.enforcement.notes.filter((note) => /^python3 .* runs outside the group$/.test(note)) ?? [];
  t.deepEqual(
    told.map((note) => / used ([^:]+): /.exec(note)?.[1]),
    named,
  );
  harness.assertNothingLeft();
});
