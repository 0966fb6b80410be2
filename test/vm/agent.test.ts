import { createHash, randomBytes } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import anyTest from 'ava';
import { bootGuest, config, finish, reader, runInGuest, sharesOf, shell } from './guest.ts';
import { MIB, makeFolder } from './machines.ts';

const test = anyTest.serial;

const endedWell = { event: 'end', code: 0, signal: null };
const piped = { stdin: 'pipe', stdout: 'pipe', stderr: 'pipe' } as const;
const terminal = { stdin: 'tty', stdout: 'tty', stderr: 'tty' } as const;
const size = { rows: 40, columns: 100 };

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex');
}

/** What a server expects of a system, and what kmem-run does. */
const look = `
  uname -r; cat /proc/sys/kernel/hostname; date +%s
  grep cgroup /proc/mounts | cut -d' ' -f2,3
  cat /sys/fs/cgroup/memory/memory.use_hierarchy 2>/dev/null
  cat /sys/class/net/lo/flags; grep -c lo /proc/net/if_inet6
  stat -c '%a %n' /tmp /dev/shm /run/lock /dev/null /dev/ptmx /var/run/. /var/lock/.
  stat -f -c '%T %n' /run /dev/shm /dev/mqueue /dev/pts /sys/kernel/debug /sys/kernel/tracing
  for fd in 0 1 2; do readlink /dev/fd/$fd; done; ls /proc/self/fd | wc -l
  umask; ulimit -Sn; ulimit -Hn; cat /proc/self/oom_score_adj /proc/1/oom_score_adj; id -u
  grep -E '^Sig(Blk|Ign)' /proc/self/status; ! grep /modules /proc/self/mounts`;

function seen(release: string, cgroups: readonly string[], useHierarchy: readonly string[]) {
  return [
    new RegExp(`^${release.replaceAll('.', '\\.')}`),
    'guest',
    '1600000000',
    ...cgroups,
    ...useHierarchy,
    '0x9',
    '1',
    ...[
      '1777 /tmp',
      '1777 /dev/shm',
      '1777 /run/lock',
      '666 /dev/null',
      '666 /dev/ptmx',
      '755 /var/run/.',
      '1777 /var/lock/.',
    ],
    ...['tmpfs /run', 'tmpfs /dev/shm', 'mqueue /dev/mqueue', 'devpts /dev/pts'],
    ...['debugfs /sys/kernel/debug', 'tracefs /sys/kernel/tracing'],
    ...['/dev/null', /^pipe:/, /^pipe:/, '4'],
    ...['0022', '1024', '1048576', '0', '-1000', '0'],
    ...[/^SigBlk:\s0+$/, /^SigIgn:\s0+$/],
  ];
}

const TREE = '/sys/fs/cgroup';
const v1 = [`${TREE} tmpfs`, ...['memory', 'pids', 'cpu,cpuacct', 'freezer'].map((name) => `${TREE}/${name} cgroup`)];
const systems = [
  { kernel: '5.10', cgroup: 'v1', cgroups: [...v1, `${TREE}/unified cgroup2`], useHierarchy: ['1'] },
  { kernel: '5.10', cgroup: 'v2', cgroups: [`${TREE} cgroup2`], useHierarchy: [] },
  { kernel: '6.12', cgroup: 'v2', cgroups: [`${TREE} cgroup2`], useHierarchy: [] },
] as const;

for (const { kernel, cgroup, cgroups, useHierarchy } of systems) {
  test(`${kernel} with cgroup ${cgroup} provides what servers expect`, async (t) => {
    const ran = await runInGuest(t, shell(look, { cgroup, time: 1_600_000_000_000 }), { kernel });
    if (ran === null) return;
    t.is(ran.stderr, '');
    const lines = ran.stdout.trimEnd().split('\n');
    const expected = seen(kernel, cgroups, useHierarchy);
    t.is(lines.length, expected.length, ran.stdout);
    for (const [index, wanted] of expected.entries()) {
      const line = lines[index] ?? '';
      // Its clock is running.
      if (wanted === '1600000000') t.true(Number(line) - 1_600_000_000 < 60 && Number(line) >= 1_600_000_000, line);
      else if (typeof wanted === 'string') t.is(line, wanted);
      else t.regex(line, wanted);
    }
    t.like(ran.end, { ...endedWell, stdout: Buffer.byteLength(ran.stdout), stderr: 0, stdin: null });
  });
}

test('arguments, environment and working directory arrive byte for byte', async (t) => {
  const cwd = join(makeFolder(t), 'über\n dir');
  mkdirSync(cwd);
  const script = 'cat /proc/$$/cmdline /proc/$$/environ; pwd';
  const argv = ['/bin/sh', '-c', script, 'sh', '', 'two\nlines', 'grüße €', '%s"\'\\', 'x'.repeat(100 * 1024)];
  const env = { A: '', PATH: '/bin:/usr/bin', LINES: 'a\nb=c', BIG: 'y'.repeat(100 * 1024) };
  const ran = await runInGuest(t, config(argv, { cwd, env }));
  if (ran === null) return;
  const words = [...argv, ...Object.entries(env).map(([name, value]) => `${name}=${value}`)];
  t.is(sha256(Buffer.from(ran.stdout)), sha256(Buffer.from(`${words.map((word) => `${word}\0`).join('')}${cwd}\n`)));
});

test('64 MiB go in and out byte for byte, and the end of stdin is seen', async (t) => {
  const guest = await bootGuest(t);
  if (guest === null) return;
  const data = randomBytes(64 * MIB);
  const stdout = reader(guest.ports.stdout);
  guest.configure(config(['/bin/cat'], { streams: piped }));
  guest.ports.stdin.write(data);
  guest.send(`stdin-end ${data.length}`);
  const end = await guest.next('end');
  t.like(end, { ...endedWell, stdout: data.length, stderr: 0, stdin: data.length });
  t.is(sha256(await stdout.bytes(data.length)), sha256(data));
});

test('if a program does not read all its stdin, the bytes read are reported', async (t) => {
  const guest = await bootGuest(t);
  if (guest === null) return;
  const stderr = reader(guest.ports.stderr);
  guest.configure(
    shell('dd bs=5 count=1 status=none; exec 0</dev/null; echo closed >&2; exec sleep 1000', { streams: piped }),
  );
  guest.ports.stdin.write('0123456789');
  t.is((await guest.next('stdin-closed')).event, 'stdin-closed');
  await stderr.saying(/closed/);
  guest.send('signal SIGTERM');
  t.like(await guest.next('end'), { event: 'end', code: null, signal: 'SIGTERM', stdout: 5, stdin: 5 });
});

test('bytes read are reported after EOF', async (t) => {
  const guest = await bootGuest(t);
  if (guest === null) return;
  guest.ports.stdin.write('0123456789');
  guest.configure(shell('dd bs=5 count=1 status=none; sleep 1; exit 3', { streams: piped }));
  guest.send('stdin-end 10');
  t.like(await guest.next('end'), { event: 'end', code: 3, signal: null, stdout: 5, stdin: 5 });
});

test('an empty stdin, a small pipe and the runner’s port work', async (t) => {
  const guest = await bootGuest(t);
  if (guest === null) return;
  const runner = reader(guest.ports.runner);
  guest.ports.runner.write('ask\n');
  const script = `wc -c; perl -e 'printf "%d %d\\n", fcntl(STDOUT, 1032, 0), fcntl(STDERR, 1032, 0)'; read line <&3; echo "$line: told" >&3`;
  const streams = { stdin: 'pipe', stdout: 'smallpipe', stderr: 'pipe' } as const;
  const ran = finish(guest, shell(script, { streams, runner: true }));
  guest.send('stdin-end 0');
  t.is(await runner.saying(/\n/), 'ask: told\n');
  const { stdout, end } = await ran;
  t.is(stdout, '0\n4096 65536\n');
  t.like(end, { ...endedWell, stdin: 0 });
});

test('an unread stream blocks no other; when it is closed, its writers get SIGPIPE', async (t) => {
  const guest = await bootGuest(t);
  if (guest === null) return;
  const stderr = reader(guest.ports.stderr);
  guest.configure(shell('yes & sleep 1; echo late >&2; wait $!; echo "yes: $?" >&2'));
  await stderr.saying(/late/);
  guest.send('close stdout');
  await stderr.saying(/yes: 141\n/);
  t.like(await guest.next('end'), endedWell);
});

test('orphans are reaped, and daemons that hold or write to the streams do not delay the end', async (t) => {
  const script = `
    for i in 1 2 3; do (sleep 0.1 &); done; sleep 1
    cat /proc/[0-9]*/stat 2>/dev/null | grep -c ') Z 1 '
    sleep 1000 & yes >&2 & sleep 1; exit 7`;
  const ran = await runInGuest(t, shell(script));
  if (ran === null) return;
  t.is(ran.stdout, '0\n');
  t.like(ran.end, { event: 'end', code: 7, signal: null });
});

test('a terminal has its size, UTF-8 lines and SIGWINCH', async (t) => {
  const guest = await bootGuest(t);
  if (guest === null) return;
  const stdout = reader(guest.ports.stdout);
  const script = `
    stty size; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && tty; echo go; read line; echo "<$line>"
    trap 'stty size; exit 5' WINCH; echo ready; sleep 1000 & while :; do wait; done`;
  guest.configure(shell(script, { streams: terminal, size }));
  t.is(await stdout.saying(/go\r\n/), '40 100\r\n/dev/pts/0\r\ngo\r\n');
  guest.ports.stdin.write('aüx\x7f\x7fb\r');
  t.regex(await stdout.saying(/ready\r\n/), /\r\n<ab>\r\nready\r\n$/);
  guest.send('size 24 80');
  t.regex(await stdout.saying(/24 80\r\n/), /ready\r\n24 80\r\n$/);
  t.like(await guest.next('end'), { event: 'end', code: 5, signal: null, stderr: 0, stdin: null });
});

test('in a terminal, Ctrl-Z stops the program, cont continues it and Ctrl-C ends it', async (t) => {
  const guest = await bootGuest(t);
  if (guest === null) return;
  const stdout = reader(guest.ports.stdout);
  guest.configure(
    shell("trap 'echo again' CONT; echo on; sleep 1000 & while :; do wait; done", { streams: terminal, size }),
  );
  await stdout.saying(/on\r\n/);
  guest.ports.stdin.write('\x1a');
  t.is((await guest.next('stopped')).event, 'stopped');
  guest.send('cont');
  await stdout.saying(/again\r\n/);
  guest.ports.stdin.write('\x03');
  t.like(await guest.next('end'), { event: 'end', code: null, signal: 'SIGINT' });
});

test('the host can hang up a terminal, and a pipe works beside a terminal', async (t) => {
  const guest = await bootGuest(t);
  if (guest === null) return;
  const stderr = reader(guest.ports.stderr);
  guest.configure(
    shell('yes; echo "yes: $?" >&2; sleep 1000', { streams: { stdin: 'tty', stdout: 'pipe', stderr: 'tty' }, size }),
  );
  await guest.next('started');
  guest.send('close stdout');
  t.is(await stderr.saying(/\n/), 'yes: 141\r\n');
  guest.send('close stderr');
  t.like(await guest.next('end'), { event: 'end', code: null, signal: 'SIGHUP' });
});

test('a terminal also ends if all its other processes are killed', async (t) => {
  const guest = await bootGuest(t);
  if (guest === null) return;
  guest.configure(shell('kill -9 -1; sleep 1000; exit 9', { streams: terminal, size }));
  t.like(await guest.next('end'), { event: 'end', code: null, signal: 'SIGHUP' });
});

for (const [kernel, cgroup] of [
  ['5.10', 'v1'],
  ['6.12', 'v2'],
] as const)
  test(`${kernel}: writes to a shared folder reach the host, and writes to the root do not`, async (t) => {
    const [shared, other] = [makeFolder(t), makeFolder(t)];
    writeFileSync(join(shared, 'before'), 'old');
    writeFileSync(join(other, 'before'), 'old');
    const script = `for d in ${shared} ${other}; do
    mkdir $d/dir && echo new > $d/dir/file && printf more >> $d/before && cat $d/dir/file $d/before && chmod 600 $d/before || exit
  done`;
    const ran = await runInGuest(t, shell(script, { cgroup, rw: sharesOf([shared]) }), { kernel, rw: [shared] });
    if (ran === null) return;
    t.is(ran.stdout, 'new\noldmore'.repeat(2), ran.stderr);
    t.is(readFileSync(join(shared, 'dir', 'file'), 'utf8'), 'new\n');
    t.is(readFileSync(join(shared, 'before'), 'utf8'), 'oldmore');
    t.is(statSync(join(shared, 'before')).mode & 0o777, 0o600);
    t.false(existsSync(join(other, 'dir')));
    t.is(readFileSync(join(other, 'before'), 'utf8'), 'old');
  });

test('a file prefetched into memory is identical in every respect', async (t) => {
  const folder = makeFolder(t);
  const file = join(folder, 'fetched file ü%');
  const data = randomBytes(3 * MIB + 123);
  writeFileSync(file, data);
  chmodSync(file, 0o640);
  utimesSync(file, 1_500_000_000, 1_500_000_001);
  const script = `
    sha256sum < "$1" | cut -c 1-64; stat -c '%a %u %g %s %X %Y' "$1"; stat -c '%a %u %g %Y' "$(dirname "$1")"; echo more >> "$1" && tail -c 5 "$1"
    sed -n 's/^\\(Shmem\\|ShmemHugePages\\): *//p' /proc/meminfo`;
  const ran = await runInGuest(t, config(['/bin/sh', '-c', script, 'sh', file]), { prefetch: ['/no/such/file', file] });
  if (ran === null) return;
  const { uid, gid } = statSync(file);
  const above = statSync(folder);
  const [hash, attributes, folderAttributes, tail, shmem, huge] = ran.stdout.split('\n');
  t.is(hash, sha256(data), ran.stderr);
  t.is(attributes, `640 ${uid} ${gid} ${data.length} 1500000000 1500000001`);
  t.is(folderAttributes, `700 ${above.uid} ${above.gid} ${Math.floor(above.mtimeMs / 1000)}`);
  t.is(tail, 'more');
  t.true(Number.parseInt(shmem ?? '', 10) > 3 * 1024, shmem);
  t.is(huge, '0 kB', 'a program that maps it has the page tables that it has elsewhere');
  t.is(sha256(readFileSync(file)), sha256(data));
});

test('the machine ends when the host closes the control port', async (t) => {
  const guest = await bootGuest(t);
  if (guest === null) return;
  guest.configure(shell('trap "" TERM HUP INT; while :; do sleep 1; done'));
  await guest.next('started');
  guest.ports.control.destroy();
  t.like(await guest.ended, { code: 0, signal: null });
});

const failures = [
  {
    what: 'a program that does not exist',
    wanted: config(['/no/such/program']),
    told: { what: 'start the program', errno: 'ENOENT', detail: '/no/such/program' },
  },
  {
    what: 'a working directory that does not exist',
    wanted: shell('true', { cwd: '/no/such/folder', streams: terminal }),
    told: { what: 'enter the working directory', errno: 'ENOENT', detail: '/no/such/folder' },
  },
  {
    what: 'a share that does not exist',
    wanted: shell('true', { rw: [{ tag: 'none', path: '/tmp' }] }),
    told: { what: 'share a folder', errno: 'ENOENT', detail: 'none:/tmp' },
  },
] as const;

for (const { what, wanted, told } of failures) {
  test(`${what} is reported, and the machine ends`, async (t) => {
    const guest = await bootGuest(t);
    if (guest === null) return;
    guest.configure(wanted);
    t.deepEqual(await guest.next('end'), { event: 'setup-error', ...told });
    t.like(await guest.ended, { code: 0, signal: null });
    t.regex(guest.consoleTail(), new RegExp(`^kmem-agent: ${told.what}: .*${told.detail}`, 'm'));
  });
}

function without(name: string) {
  return (files: readonly string[]) => files.filter((file) => basename(file) !== name);
}

test('a missing overlay module is reported, and the machine ends', async (t) => {
  const guest = await bootGuest(t, { modules: without('overlay.ko') });
  if (guest === null) return;
  t.like(await guest.next('up'), { event: 'setup-error', what: 'mount the overlay', errno: 'ENODEV' });
  t.like(await guest.ended, { code: 0 });
});

test('a module rejected by the kernel is named', async (t) => {
  const broken = join(makeFolder(t), 'broken.ko');
  writeFileSync(broken, 'no module');
  const guest = await bootGuest(t, { modules: (files) => [broken, ...files] });
  if (guest === null) return;
  t.like(await guest.next('up'), { event: 'setup-error', what: 'load the module broken.ko', errno: 'ENOEXEC' });
  t.like(await guest.ended, { code: 0 });
});

test('a missing port module is reported on the console', async (t) => {
  const guest = await bootGuest(t, { modules: without('virtio_console.ko') });
  if (guest === null) return;
  await t.throwsAsync(guest.next('up'), { message: /kmem-agent: find a port: .*: kmem\.control/ });
});
