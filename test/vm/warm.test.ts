/** A guest that serves many runs: each is as if it were the first, or another guest is booted for it. */

import { chmodSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { normaliseSpec } from '../../src/request/normalise.ts';
import type { RunInput } from '../../src/request/run-input.ts';
import type { Output } from '../../src/result/judge.ts';
import type { Result } from '../../src/result/schema.ts';
import { runSpec } from '../../src/run/index.ts';
import { openGuests } from '../../src/vm/guests.ts';
import { soak } from '../needs.ts';
import { commOf } from '../processes.ts';
import { makeFolder, qemus, until } from './machines.ts';
import { ERROR_INJECTION, needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;
const PAGE = 4096;

type Ran = Readonly<{ result: Result; output: Output }>;

/** Null: this machine cannot boot it, and the test is over. */
async function warm(t: ExecutionContext, kernel = '5.10') {
  t.timeout(20 * 60_000);
  if (!(await needsKernel(t, kernel))) return null;
  const guests = openGuests(1);
  t.teardown(guests.close);
  const run = async (script: string, more: Partial<RunInput> = {}): Promise<Ran> => {
    let output: Output = { stdout: null, stderr: null };
    const spec = normaliseSpec({ command: ['sh', '-c', script], kernel, output: 'null', timeout: '2m', ...more });
    const onOutput = (written: Output): void => {
      output = written;
    };
    const result = await runSpec(spec, { guests, stdin: 'null', onOutput });
    return { result, output };
  };
  return { run, guests };
}

function reused({ result }: Ran): number | undefined {
  return result.enforcement.vm?.reused;
}

/** Each leaves something that the next run would find. */
const MISCHIEF = [
  ['files', 'echo left > /etc/left; echo left > /tmp/left; echo left > /run/left; echo left > /dev/shm/left'],
  ['a full overlay', 'head -c 2G /dev/zero > /var/full || true'],
  ['SysV objects', 'ipcmk -M 100000 -S 3 -Q'],
  ['mounts', 'mount -t tmpfs left /mnt; mkdir /opt/left; mount --bind /etc /opt/left'],
  ['a daemon that has left its group', 'echo $$ > /sys/fs/cgroup/memory/tasks; setsid sleep 1000 & sleep 0.1'],
  ['daemons in namespaces', 'for n in m i u n p; do unshare -f -$n sleep 1000 & done; sleep 1'],
  ['a clock', 'date -s 2001-01-01'],
  ['limits', 'ulimit -Hn 100; ulimit -Hu 50'],
  ['a name', 'hostname left'],
  ['the network', 'ip link set lo down 2>&1; ip link add left type dummy 2>&1; true'],
  ['a terminal', 'script -qc "sleep 1000" /dev/null & sleep 0.3'],
] as const;

const LOOK = `cat /etc/left /tmp/left /run/left /dev/shm/left 2>&1; ipcs; cat /proc/mounts; df /var | tail -1; ulimit -a; hostname
  cat /proc/net/dev /sys/class/net/lo/flags; ls /dev /dev/pts /opt /sys/class/net; echo $$
  [ $(date +%Y) -gt 2020 ] && echo year; cat /proc/self/limits /proc/self/cgroup | grep -v kmem-run; true`;

test('whatever a run leaves, the next one in the same guest finds nothing of it', async (t) => {
  const guest = await warm(t);
  if (guest === null) return;
  const { run } = guest;
  const first = await run(LOOK);
  let runs = 1;
  for (const [title, script] of MISCHIEF) {
    t.is((await run(script, { cgroup: 'v1' })).result.error, null, title);
    const after = await run(LOOK);
    t.is(reused(after), runs + 1, title);
    t.deepEqual(after.output, first.output, title);
    runs += 2;
  }
});

/** What a run must not differ in, however many others were made before it. */
function seenOf({ result, output }: Ran) {
  const { kmem, failures, steps, outcome } = result;
  return {
    ...{ outcome, output, failcnt: kmem.failcnt, exits: steps.map(({ exit }) => exit) },
    failures: failures.map(({ atMs: _, ...failure }) => failure),
  };
}

/** Of small objects, how many fit depends on what is freed late; of these, not one does. */
const SEMAPHORES = `exec perl -e 'print semget(0, 30000, 0600) // $!'`;

const HARM = [
  ...MISCHIEF,
  ['a fork bomb', ':() { : | : & }; : ; sleep 1', { pids: 200 }],
  ['keys', 'keyctl add user left left @u || perl -e \'syscall(248, "user", "left", "left", 4, -4)\''],
  ['a raised rlimit', 'ulimit -Hn 1048576; ulimit -n 1048576; ulimit -c unlimited'],
  ['a limit that is hit', SEMAPHORES, { kmem: '1M' }],
  ['a timeout', 'sleep 1000', { timeout: '300ms', grace: '100ms' }],
] as const satisfies readonly (readonly [string, string, Partial<RunInput>?])[];

test('a run has the exit, output, failures and peak of the first one, whatever was run before it', async (t) => {
  const guest = await warm(t);
  if (guest === null) return;
  const limited = { kmem: '1M' };
  // The peak of a pipeline depends on the scheduler.
  const look = async () => {
    const ran = [await guest.run(SEMAPHORES, limited), await guest.run('exec find /etc/apt -type f')] as const;
    const peaks = ran.map(({ result }) => result.kmem.maxUsage ?? 0);
    return { seen: ran.map(seenOf), peaks, output: (await guest.run(LOOK)).output };
  };
  const first = await look();
  t.true((first.seen[0]?.failcnt ?? 0) > 0);
  const rounds = soak.isOn ? Math.ceil(500 / HARM.length) : 1;
  for (let round = 0; round < rounds; round += 1) {
    for (const [title, script, more] of HARM as readonly (readonly [string, string, Partial<RunInput>?])[]) {
      const { result } = await guest.run(script, more);
      t.is(result.error, null, title);
    }
    const { peaks, ...now } = await look();
    t.deepEqual({ ...now, peaks: first.peaks }, first);
    // Nearly always the same: what is freed late may need another page.
    for (const [index, peak] of peaks.entries()) t.true(Math.abs(peak - (first.peaks[index] ?? 0)) <= PAGE, `${peaks}`);
  }
});

const LEFT_FOR_GOOD = [
  ['a sysctl', 'echo 12345 > /proc/sys/vm/max_map_count'],
  ['a device node', 'mknod /dev/left c 1 3'],
  ['the mode of one', 'chmod 600 /dev/null'],
  ['a group', 'mkdir /sys/fs/cgroup/memory/left'],
  ['a panic', 'echo c > /proc/sysrq-trigger'],
] as const;

test('what cannot be taken back is followed by another guest', async (t) => {
  const guest = await warm(t);
  if (guest === null) return;
  for (const [title, script] of LEFT_FOR_GOOD) {
    await guest.run(script).catch(() => {});
    t.is(reused(await guest.run('test ! -e /dev/left')), 0, title);
  }
});

test('programs are lent from run to run, and each run starts afresh, even if the last helper was killed', async (t) => {
  for (const [kernel, mode] of [
    ['5.10', 'native'],
    ['6.1', 'kernel'],
    [ERROR_INJECTION, 'kernel'],
  ] as const) {
    const guest = await warm(t, kernel);
    if (guest === null) return;
    const limited = { kmem: '1M', cgroup: 'v1' } as const;
    const refused = async () => {
      const { result, output } = await guest.run(SEMAPHORES, limited);
      const { objects, pages } = result.enforcement.allocations ?? {};
      return [result.enforcement.mode, output.stdout, result.kmem.failcnt, objects, pages, result.failures.length];
    };
    const first = await refused();
    t.deepEqual(first.slice(0, 2), [mode, 'Cannot allocate memory'], kernel);
    t.deepEqual([await refused(), await refused()], [first, first], kernel);
    const set = async () =>
      (await guest.run("bpftool prog show | grep -c 'name kmem_sys_exit'", limited)).output.stdout;
    t.is(await set(), '1\n', kernel);
    const kill = 'for p in /proc/[0-9]*; do [ "$(cat $p/comm)" = kmem-helper ] && kill -9 ${p#/proc/}; done; sleep 10';
    const killed = await guest.run(kill, limited);
    t.is(killed.result.terminationReason, 'gate-lost', kernel);
    t.deepEqual(await refused(), first, kernel);
    t.is(await set(), '1\n', kernel);
  }
});

test('a program that was rebuilt between two runs is run in its new form', async (t) => {
  const guest = await warm(t);
  if (guest === null) return;
  const program = join(makeFolder(t), 'program');
  for (const word of ['one', 'two', 'three and more']) {
    writeFileSync(program, `#!/bin/sh\necho ${word}\n`);
    chmodSync(program, 0o755);
    const ran = await guest.run(program);
    t.is(ran.output.stdout, `${word}\n`);
  }
});

test('a guest serves runs of its shape; a killed one is replaced; --fresh-vm asks for a boot', async (t) => {
  const guest = await warm(t);
  if (guest === null) return;
  t.is(reused(await guest.run('true')), 0);
  t.is(reused(await guest.run('true')), 1);
  t.is(reused(await guest.run('true', { vmMemory: '600M' })), 0);
  t.is(reused(await guest.run('true')), 2);
  t.is(reused(await guest.run('true', { freshVm: true })), 0);
  t.is(qemus().length, 2);
  const [idle = 0] = qemus();
  process.kill(idle, 'SIGKILL');
  await until(() => !commOf(idle).startsWith('qemu'), 'QEMU ends');
  t.is(reused(await guest.run('true')), 0);
  const folder = makeFolder(t);
  const lost = guest.run(`echo > ${folder}/up; sleep 1000`, { rw: [folder] });
  await until(() => existsSync(join(folder, 'up')), 'the run begins');
  for (const pid of qemus()) process.kill(pid, 'SIGKILL');
  t.is((await lost).result.terminationReason, 'vm-lost');
  t.is(reused(await guest.run('true')), 0);
  // The runner inside.
  t.like(await t.throwsAsync(guest.run('kill -9 $(pgrep -o -f guest-start)')), { code: 'guest-failed' });
  t.is(reused(await guest.run('true')), 0);
  await guest.guests.close();
  t.is(qemus().length, 0);
});

test('servers in the run’s own network: a port, a request, a client', async (t) => {
  const guest = await warm(t, '6.12');
  if (guest === null) return;
  const server = `perl -MIO::Socket::INET -e '$s = IO::Socket::INET->new(LocalAddr => "127.0.0.1:8123", Listen => 5) or die $!;
    while ($c = $s->accept) { <$c>; print $c "HTTP/1.0 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nhi\\n"; close $c }'`;
  for (const count of [0, 1, 2]) {
    const spec = normaliseSpec({
      kernel: '6.12',
      kmem: '8M',
      output: 'null',
      plan: [
        { name: 'server', run: server, background: true, ready: { port: 8123, within: '1m' } },
        { http: 'http://localhost:8123/', expect: ['status==200', 'body~/hi/'] },
        { run: 'perl -MIO::Socket::INET -e \'IO::Socket::INET->new("127.0.0.1:8123") or die\'', outside: true },
        { http: 'http://127.0.0.1:8124/', expect: 'error~/ECONNREFUSED/' },
      ],
    } as never);
    const result = await runSpec(spec, { guests: guest.guests, stdin: 'null' });
    t.is(result.outcome, 'passed', JSON.stringify(result.steps));
    t.is(result.enforcement.vm?.reused, count);
  }
});
