import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest from 'ava';
import { SetupError } from '../../src/errors.ts';
import { readOrEmpty } from '../processes.ts';
import {
  boot,
  collect,
  exited,
  inMachineWords,
  kernelFor,
  MIB,
  makeFolder,
  qemus,
  runInLine,
  runScript,
  startScript,
  until,
} from './machines.ts';

const test = anyTest.serial;

function hashOf(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

const lostNothing = { lost: null, error: null };

test('exit status, streams and the program’s environment are correct', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const script =
    'echo out; echo err >&2; pwd; hostname; id -u; echo "$LANG"; readlink /proc/$$/fd/0; ls /proc/$$/fd | wc -l; exit 7';
  const end = await runScript(await boot(t, kernel), script);
  t.like(end, { ...exited(7), stderr: 'err\n' });
  t.deepEqual(end.stdout.trim().split('\n'), ['out', '/', 'guest', '0', 'C.UTF-8', '/dev/null', '3']);
});

test('a program that cannot be started is named in the error', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const guest = { cgroup: 'v1' as const, hostname: 'guest', cwd: '/', env: {}, argv: ['/no/such/program'] };
  const { error, ...end } = await runScript(await boot(t, kernel), '', { guest });
  t.like(end, { code: null, signal: null, lost: null });
  t.true(error instanceof SetupError);
  t.regex(error?.message ?? '', /the microVM could not start the program \(ENOENT, \/no\/such\/program\)/);
});

test('the runner’s port carries one line in and all lines out, even long ones', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const lines: string[] = [];
  const script =
    'read line <&3; echo "got $line" >&3; head -c 3000000 /dev/zero | tr "\\0" x >&3; echo >&3; echo last >&3';
  const runner = { request: '{"ask":"ü"}', onLine: (line: string) => lines.push(line) };
  t.like(await runScript(await boot(t, kernel), script, { runner }), exited(0));
  t.is(lines.length, 3);
  t.is(lines[0], 'got {"ask":"ü"}');
  t.is(lines[1], 'x'.repeat(3_000_000));
  t.is(lines[2], 'last');
});

test('64 MiB pass both ways byte for byte; files are used from their current offset', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const folder = makeFolder(t);
  const data = Buffer.concat([Buffer.from('first line\n'), randomBytes(64 * MIB)]);
  writeFileSync(join(folder, 'in'), data);
  const line = '(echo before; read first; "$@"; echo after) < in > out';
  const { end, stderr } = await runInLine(t, folder, line, 'echo begin; exec cat');
  t.deepEqual({ end, stderr }, { end: exited(0), stderr: '' });
  const out = readFileSync(join(folder, 'out'));
  t.is(out.subarray(0, 13).toString(), 'before\nbegin\n');
  t.is(out.subarray(-6).toString(), 'after\n');
  t.is(hashOf(out.subarray(13, -6)), hashOf(data.subarray('first line\n'.length)));
});

test('200 MB through pipes, with stderr beside them, do not accumulate in the runner', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const line = 'set -o pipefail; head -c 50M /dev/zero | "$@" | wc -c';
  const script = 'cat; head -c 150M /dev/zero; echo done >&2';
  const { status, stdout, stderr, end, peak } = await runInLine(t, makeFolder(t), line, script);
  t.deepEqual(
    { status, end, stdout, stderr },
    { status: 0, end: exited(0), stdout: `${200 * MIB}\n`, stderr: 'done\n' },
  );
  t.log(`peak of the runner: ${Math.round(peak / MIB)} MiB`);
  t.true(peak < 300 * MIB);
});

test('a slow reader blocks the writer', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  let taken = 0;
  const gate = Promise.withResolvers<void>();
  const stdout = async (chunk: Buffer): Promise<boolean> => {
    await gate.promise;
    taken += chunk.length;
    return true;
  };
  const script =
    's=$(head -c 50000 /dev/zero | tr "\\0" x); i=0; while [ $i -lt 200 ]; do i=$((i + 1)); printf %s $s; echo $i >&2; done';
  const { session, stderr } = startScript(await boot(t, kernel), script, { stdout });
  await until(() => stderr() !== '', 'it has begun');
  // Until it makes no more progress.
  for (let before = ''; before !== stderr(); await sleep(1000)) before = stderr();
  t.is(taken, 0);
  t.true(Number(stderr().trim().split('\n').at(-1)) < 100);
  gate.resolve();
  t.deepEqual(await session.ended, exited(0));
  t.is(taken, 10_000_000);
});

for (const [title, line, expected] of [
  ['of a pipe', '"$@" | head -1', 'y\n'],
  ['that was never there', '(sleep 0.2; "$@") 1> >(exec true); wait', ''],
] as const) {
  test(`a reader ${title} that is gone ends the writer, as without a microVM`, async (t) => {
    if ((await kernelFor(t)) === null) return;
    const { stdout, end } = await runInLine(t, makeFolder(t), line, 'exec yes');
    t.is(stdout, expected);
    t.deepEqual(end, { code: null, signal: 'SIGPIPE', ...lostNothing });
  });
}

test('a stream function that accepts no more ends the writer of stderr', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const { code, signal } = await runScript(await boot(t, kernel), 'exec yes >&2', { stderr: () => false });
  t.deepEqual({ code, signal }, { code: null, signal: 'SIGPIPE' });
});

test('with a loop’s list as input, each round reads only what it needs', async (t) => {
  if ((await kernelFor(t)) === null) return;
  const folder = makeFolder(t);
  writeFileSync(join(folder, 'list'), 'one\ntwo\nthree\nfour\n');
  // A shell reads a pipe byte by byte, for that very reason.
  const line = 'while read name; do echo "$name"; [ "$name" != two ] || "$@"; done < list';
  const { stdout, end } = await runInLine(t, folder, line, 'read inside; echo "in guest: $inside"');
  t.deepEqual(end, exited(0));
  t.is(stdout, 'one\ntwo\nin guest: three\nfour\n');
});

for (const [title, line, seen] of [
  ['nothing: /dev/null', '"$@" < /dev/null', 'end\n'],
  ['closed', '"$@" <&-', 'end\n'],
  ['an empty file', ': > empty; "$@" < empty', 'end\n'],
  ['a pipe that says nothing for a while', '(sleep 4; echo late) | "$@"', 'late\nend\n'],
] as const) {
  test(`stdin is ${title}`, async (t) => {
    if ((await kernelFor(t)) === null) return;
    const { stdout, end } = await runInLine(t, makeFolder(t), line, 'cat; echo end');
    t.deepEqual({ stdout, end }, { stdout: seen, end: exited(0) });
  });
}

test('a stdin that never ends and is not read in the guest does not delay the end', async (t) => {
  if ((await kernelFor(t)) === null) return;
  const folder = makeFolder(t);
  const line = 'mkfifo quiet; exec 9<> quiet; (while echo more; do :; done) | "$@" && "$@" <&9; echo $?';
  const { stdout, end } = await runInLine(t, folder, line, 'echo ran');
  t.deepEqual({ stdout, end }, { stdout: 'ran\nran\n0\n', end: exited(0) });
});

test('streams may be sockets, and stdin may stay open', async (t) => {
  if ((await kernelFor(t)) === null) return;
  const [program = '', ...words] = inMachineWords(
    join(makeFolder(t), 'log'),
    'read line; echo "got $line"; echo err >&2',
  );
  // Node's pipes to a child are sockets.
  const child = spawn(program, words, { stdio: 'pipe' });
  t.teardown(() => child.kill('SIGKILL'));
  const [stdout, stderr] = [collect(), collect()];
  child.stdout.on('data', stdout.write);
  child.stderr.on('data', stderr.write);
  child.stdin.write('words\nand more\n');
  const status = await new Promise((resolve) => child.once('close', resolve));
  t.deepEqual([status, stdout.text(), stderr.text()], [0, 'got words\n', 'err\n']);
});

test('a file descriptor, /dev/null and nothing work as targets', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const file = join(makeFolder(t), 'file');
  const fd = openSync(file, 'w+');
  t.teardown(() => closeSync(fd));
  const script = '[ /proc/$$/fd/1 -ef /dev/null ] && echo to the file >&2; echo lost';
  t.like(await runScript(await boot(t, kernel), script, { stdout: null, stderr: fd }), exited(0));
  const buffer = Buffer.alloc(100);
  t.is(buffer.subarray(0, readSync(fd, buffer, 0, 100, 0)).toString(), 'to the file\n');
});

test('if QEMU is killed during a program, the loss is reported with all earlier output', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const machine = await boot(t, kernel);
  const { session, stdout } = startScript(machine, 'echo running; sleep 1000');
  await until(() => stdout() !== '', 'it runs');
  process.kill(machine.pid, 'SIGKILL');
  const { lost, ...end } = await session.ended;
  t.deepEqual(end, { code: null, signal: null, error: null });
  t.regex(lost?.console ?? '', /^\[ *\d/m);
  t.is(stdout(), 'running\n');
  await machine.kill();
  t.deepEqual(qemus(), []);
});

test('a session ends even if QEMU is killed while a reader on the host is stuck', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const machine = await boot(t, kernel);
  const { promise: stuck, resolve: release } = Promise.withResolvers<boolean>();
  t.teardown(() => release(true));
  let came = false;
  const stdout = (): Promise<boolean> => {
    came = true;
    return stuck;
  };
  const { session } = startScript(machine, 'exec yes', { stdout });
  await until(() => came, 'it writes');
  await machine.kill();
  t.truthy((await session.ended).lost);
});

test('a kernel panic in the guest is reported with its message', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const { lost } = await runScript(await boot(t, kernel), 'echo c > /proc/sysrq-trigger; sleep 1000');
  t.regex(lost?.console ?? '', /^\[ *\d+\.\d+\] Kernel panic - not syncing: sysrq triggered crash\n/);
});

test('a guest can be paused and resumed; signals reach the program, and a fatal one is reported', async (t) => {
  const kernel = await kernelFor(t);
  if (kernel === null) return;
  const machine = await boot(t, kernel);
  const script = 'trap "echo hup" HUP; while :; do echo .; sleep 0.1; done';
  const { session, stdout } = startScript(machine, script);
  await until(() => stdout() !== '', 'it runs');
  machine.pause();
  await until(() => /^State:\s+T/m.test(readOrEmpty(`/proc/${machine.pid}/status`)), 'QEMU is stopped');
  await sleep(200);
  const before = stdout();
  await sleep(700);
  t.is(stdout(), before);
  machine.resume();
  await until(() => stdout() !== before, 'it goes on');
  session.signal('SIGHUP');
  await until(() => /^hup\n\./m.test(stdout()), 'it hears the signal, and goes on');
  session.signal('SIGTERM');
  t.deepEqual(await session.ended, { code: null, signal: 'SIGTERM', ...lostNothing });
});
