/** --enforce kernel: BPF programs refuse allocations inside the kernel. */

import { writeFileSync } from 'node:fs';
import anyTest, { type ExecutionContext } from 'ava';
import type { Result } from '../../src/result/schema.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness, type Ran } from '../harness.ts';
import { ERROR_INJECTION, needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;
const VERSIONS = ['v1', 'v2'] as const;
const TIMEOUT_MS = 10 * 60_000;
/** Above the limit: the rest of a call that was let through. Below: a fork that does not fit. */
const FEW_BYTES = 32 * 1024;

type Given = Readonly<{ kernel?: string; enforce?: string; cgroup?: string | null; kmem?: string }>;

/** Null if that kernel is not available here. */
async function inGuest(t: ExecutionContext, words: readonly string[], given: Given = {}): Promise<Ran | null> {
  t.timeout(TIMEOUT_MS);
  const { kernel = ERROR_INJECTION, enforce = 'kernel', cgroup = 'v1', kmem = '1M' } = given;
  if (!(await needsKernel(t, kernel))) return null;
  const harness = makeHarness(t);
  const options = [
    '--kernel',
    kernel,
    ...(cgroup === null ? [] : ['--cgroup', cgroup]),
    '--enforce',
    enforce,
    '--kmem',
    kmem,
  ];
  const ran = await harness.run([...options, ...words], { timeout: TIMEOUT_MS });
  harness.assertNothingLeft();
  return ran;
}

function resultOf({ result, stderr }: Ran): Result {
  if (result === null) throw new Error(stderr);
  return result;
}

function faultsOf({ failures }: Result) {
  return failures.flatMap(({ fault }) => (fault === null ? [] : [fault.signal]));
}

for (const cgroup of VERSIONS)
  test(`${cgroup}: a fork is refused at the limit, and the program needs no seccomp filter`, async (t) => {
    const script = 'grep Seccomp: /proc/self/status; while :; do sleep 100 & done';
    const ran = await inGuest(t, ['--', 'sh', '-c', script], { cgroup });
    if (ran === null) return;
    const result = resultOf(ran);
    t.is(result.error, null, ran.stderr);
    t.regex(ran.stdout, /^Seccomp:\s+0$/m);
    t.like(result.enforcement, { mode: 'kernel', granularity: 'allocation', reserve: null, gatedCalls: null });
    // Tasks that are interrupted between the check and the charge may exceed it by one allocation each.
    t.true(
      (result.kmem.overshoot ?? 1e9) <= FEW_BYTES && (result.kmem.maxUsage ?? 0) > (1 << 20) - FEW_BYTES,
      ran.stderr,
    );
    t.is(result.kmem.uncertainty, 0);
    const { objects = 0, pages = 0 } = result.enforcement.allocations ?? {};
    t.true(result.kmem.failcnt !== null && result.kmem.failcnt > 0);
    t.is(objects + pages, result.kmem.failcnt ?? Number.NaN);
    t.is(result.steps[0]?.failcnt ?? null, result.kmem.failcnt);
    const refused = result.failures.find(({ comm, syscall }) => comm === 'sh' && /^v?fork$|^clone/.test(syscall ?? ''));
    t.is(refused?.errno, 'ENOMEM', JSON.stringify(result.failures));
    t.regex(refused?.allocation?.kind ?? '', /^(object|pages)$/);
    t.true((refused?.allocation?.bytes ?? 0) + (refused?.usage ?? 0) > 1 << 20);
  });

/** At the limit a pipe has no room for the program's line: it is printed later. */
function exhaust(row: string): string[] {
  return ['sh', '-c', `"$@" > /dev/shm/out; cat /dev/shm/out`, 'sh', compileFixture('exhaust'), row, '/dev/shm'];
}

/** Of those that the gate counts in the same way. */
const ROWS = ['fork', 'socket_unix', 'pipe', 'open', 'mkdir', 'dup', 'epoll_ctl', 'msgget'];

test('as many objects fit as under the gate, none above the limit', async (t) => {
  for (const row of ROWS) {
    const words = ['--reserve', '0', '--', ...exhaust(row)];
    const ran = await inGuest(t, words);
    const gated = ran && (await inGuest(t, words, { enforce: 'gate' }));
    if (ran === null || gated === null) return;
    const [inKernel, byGate] = [ran, gated].map(({ stdout }) => JSON.parse(stdout) as { made: number; errno: number });
    t.log(`${row}: ${inKernel?.made} in the kernel, ${byGate?.made} by the gate`);
    t.true((inKernel?.errno ?? 0) > 0, row);
    t.true(Math.abs((inKernel?.made ?? 0) / (byGate?.made ?? 0) - 1) <= 0.03, `${ran.stdout}${gated.stdout}`);
    t.is(resultOf(ran).kmem.overshoot, 0, row);
  }
});

test('a page fault that is refused ends by a signal, or is refused to a call, and is never over the limit', async (t) => {
  const sparse = compileFixture('sparse');
  for (const [how, signals, exit] of [
    ['default', ['SIGBUS'], { code: null, signal: 'SIGBUS' }],
    ['ignore', ['SIGBUS', 'SIGKILL'], { code: null, signal: 'SIGKILL' }],
    ['block', ['SIGBUS', 'SIGKILL'], { code: null, signal: 'SIGKILL' }],
    ['return', ['SIGBUS', 'SIGKILL'], { code: null, signal: 'SIGKILL' }],
    ['exit', ['SIGBUS'], { code: 3, signal: null }],
    ['read', [], { code: 4, signal: null }],
  ] as const) {
    const ran = await inGuest(t, ['--', sparse, '1000', how]);
    if (ran === null) return;
    const result = resultOf(ran);
    t.deepEqual(result.exit, exit, `${how}: ${ran.stderr}`);
    t.deepEqual(faultsOf(result), signals, how);
    t.is(result.kmem.overshoot, 0, how);
  }
  const ran = await inGuest(t, ['--on-fault', 'kill', '--', sparse, '1000', 'default']);
  t.deepEqual(ran && faultsOf(resultOf(ran)), ['SIGKILL']);
  const noted = await inGuest(t, ['--on-fault', 'note', '--', sparse, '1000', 'default']);
  t.true((noted?.result?.enforcement.programs?.faultPages ?? 0) > 500);
});

test('if the supervisor, the guardian, or both are killed, the command is killed before it makes anything', async (t) => {
  for (const names of ['kmem-helper', 'kmem-guardian', 'kmem-helper kmem-guardian']) {
    const find = `for p in /proc/[0-9]*; do for n in ${names}; do [ "$(cat $p/comm)" = $n ] && pids="$pids \${p#/proc/}"; done; done`;
    const script = `${find} 2> /dev/null; kill -9 $pids; exec "$@"`;
    const words = ['--', 'sh', '-c', script, 'sh', compileFixture('exhaust'), 'eventfd'];
    for (const kernel of [ERROR_INJECTION, '6.1']) {
      const ran = await inGuest(t, words, { kernel });
      if (ran === null) return;
      t.is(ran.result?.terminationReason ?? null, 'gate-lost', `${names}: ${ran.stderr}`);
      t.regex(ran.stderr, /the result is void: the helper died/);
      t.is(ran.stdout, '', names);
    }
  }
});

test('a step that changes the limit changes what is refused', async (t) => {
  t.timeout(TIMEOUT_MS);
  if (!(await needsKernel(t, ERROR_INJECTION))) return;
  const harness = makeHarness(t);
  const open = { run: exhaust('open') };
  const scenario = {
    description: 'Opens files, before and after the limit is doubled.',
    kernels: [ERROR_INJECTION],
    enforce: 'kernel',
    limits: { kmem: '1M' },
    steps: [
      // Some 2,200 files of 256 bytes at 1 MiB, and 6,200 at 2 MiB: the table of descriptors grows in between.
      { ...open, expect: ['stdout~/"made":[12][0-9]{3},/', 'failcnt>0'] },
      { limits: { kmem: '2M' } },
      { ...open, expect: ['stdout~/"made":[56][0-9]{3},/', 'failcnt>0'] },
    ],
    expect: ['kmem.overshoot==0', 'enforcement.mode==kernel'],
  };
  writeFileSync(harness.path('change.json'), JSON.stringify(scenario));
  const ran = await harness.run(['scenario', 'run', '--kernel', ERROR_INJECTION, './change.json'], {
    json: false,
    timeout: TIMEOUT_MS,
  });
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  t.regex(ran.stdout, /^1 passed in/m);
  harness.assertNothingLeft();
});

test('it works beside what conflicts with the gate: a listener of the program’s own, and strace', async (t) => {
  const script = 'strace -f -o /dev/null true && echo traced; exec "$@"';
  const ran = await inGuest(t, ['--', 'sh', '-c', script, 'sh', compileFixture('own-filter'), 'listener'], {
    kmem: '4M',
  });
  if (ran === null) return;
  t.regex(ran.stdout, /^traced$/m);
  // The gate answers EBUSY.
  t.notRegex(ran.stdout, /EBUSY|busy/, ran.stdout);
  t.is(ran.status, 0, ran.stdout + ran.stderr);
  t.is(ran.result?.kmem.overshoot ?? null, 0, ran.stderr);
});

test('a call that succeeds although an allocation in it is refused is listed, but has not failed', async (t) => {
  // A pipe takes what it has pages for.
  const program = `my @pipes; my $n = 65536;
    while ($n == 65536) { pipe(my $r, my $w) or exit 2; push @pipes, $r, $w; $n = syswrite($w, "x" x 65536) // exit 3 }
    close $_ for @pipes; print "$n\\n"`;
  const ran = await inGuest(t, ['--verbose', '--', 'perl', '-e', program]);
  if (ran === null) return;
  const result = resultOf(ran);
  t.true(Number(ran.stdout) > 0 && Number(ran.stdout) < 65_536, ran.stdout + ran.stderr);
  const [written, ...others] = result.failures;
  t.like(written, { comm: 'perl', syscall: 'write', handled: true, errno: null, injected: false }, ran.stderr);
  t.like(written?.allocation, { bytes: 4096, kind: 'pages', function: 'pipe_write' });
  t.deepEqual([others, result.failureCounts], [[], []]);
  t.like(result, { outcome: 'passed', kmem: { failcnt: 1 }, enforcement: { allocations: { handled: 1 } } });
  t.regex(ran.stderr, /^ +failures +no call failed/m);
  t.regex(ran.stderr, /^ +handled +\S+ \S+ step 0 perl\[\d+\] write: succeeded at 1,048,576\n.*by pipe_write ← /m);
});

for (const kernel of [ERROR_INJECTION, '6.1'])
  test(`two thousand threads run as they do without kmem-run, or fail at the limit, on ${kernel}`, async (t) => {
    // Small stacks: large ones get huge pages, which the guest has too few of.
    const script = 'ulimit -s 256; exec "$@"';
    const swarm = ['--', 'sh', '-c', script, 'sh', compileFixture('swarm'), 'threads', '2000'];
    const whole = await inGuest(t, swarm, { kernel, kmem: '512M' });
    if (whole === null) return;
    t.is(whole.stdout, '2000\n', whole.stderr);
    t.like(whole.result, { outcome: 'passed', kmem: { failcnt: 0, overshoot: 0 } });
    const limited = await inGuest(t, swarm, { kernel, kmem: '16M' });
    t.is(limited?.status, 1, limited?.stderr);
    t.true((limited?.result?.kmem.failcnt ?? 0) > 0, limited?.stderr);
    t.true((limited?.result?.kmem.overshoot ?? 1e9) <= FEW_BYTES, limited?.stderr);
  });

const STOCK = ['6.1', '6.12'] as const;

for (const kernel of STOCK)
  test(`Debian's ${kernel}: files, sockets and mappings are refused in the kernel, and the gate does the rest`, async (t) => {
    for (const [row, errnos] of [
      ['open', ['ENOMEM']],
      ['pipe', ['ENOMEM', 'ENFILE']],
      ['socket_tcp', ['ENOMEM', 'ENOBUFS', 'ENFILE']],
      ['mmap', ['ENOMEM']],
      ['epoll_ctl', ['ENOMEM']],
    ] as const) {
      const ran = await inGuest(t, ['--', ...exhaust(row)], { kernel, cgroup: null });
      if (ran === null) return;
      const result = resultOf(ran);
      t.like(result.enforcement, { mode: 'kernel', granularity: 'object', reserve: 16_384 }, ran.stderr);
      // Some hundreds of calls start the programs; each object would be another one.
      const { made } = JSON.parse(ran.stdout) as { made: number };
      const gated = result.enforcement.gatedCalls ?? 0;
      t.log(`${row}: ${made} made, ${gated} calls gated, ${result.kmem.maxUsage} bytes`);
      t.is(gated > made, row === 'epoll_ctl', row);
      t.true((result.kmem.maxUsage ?? 0) > 0.9 * (1 << 20) && (result.kmem.overshoot ?? 1e9) <= FEW_BYTES, ran.stderr);
      const last = result.failures.find(({ comm }) => comm === 'exhaust' || comm === 'kmem-exhaust');
      t.true(
        errnos.some((errno) => errno === last?.errno),
        JSON.stringify(result.failures),
      );
      t.is(last?.allocation?.kind ?? null, row === 'epoll_ctl' ? null : 'object');
    }
    const ran = await inGuest(t, ['--', compileFixture('sparse'), '1000', 'default'], { kernel, cgroup: null });
    t.is(ran?.result?.exit.signal ?? null, 'SIGBUS', ran?.stderr);
    t.true((ran?.result?.kmem.overshoot ?? 1e9) <= FEW_BYTES, ran?.stderr);
  });

test('a task that leaves the group is reported', async (t) => {
  const ran = await inGuest(t, ['--', 'sh', '-c', 'echo $$ > /sys/fs/cgroup/memory/tasks']);
  if (ran === null) return;
  t.deepEqual(
    resultOf(ran).escapes?.map(({ comm, to }) => [comm, to]),
    [['sh', '/']],
    ran.stderr,
  );
});

test('what io_uring opens is refused, inline and in a worker', async (t) => {
  for (const kernel of [ERROR_INJECTION, '6.1'])
    for (const how of ['inline', 'worker']) {
      const ran = await inGuest(t, ['--', compileFixture('ring-open'), how], { kernel });
      if (ran === null) return;
      const [, opened, errno] = new RegExp(`^${how}: (\\d+), (\\d+)$`, 'm').exec(ran.stdout) ?? [];
      t.is(errno, '12', `${kernel}: ${ran.stdout}${ran.stderr}`);
      t.true(Number(opened) > 1000 && (ran.result?.kmem.overshoot ?? 1e9) <= FEW_BYTES, ran.stdout + ran.stderr);
    }
});

/** Descriptors. */
const FULL_TABLE = 16_384;
const FILE_BYTES = 256;

test('the file that fills the table of descriptors is refused if the next table does not fit', async (t) => {
  const program = `import os, resource
resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 20, 1 << 20))
try:
    while True: last = os.open("/dev/null", os.O_RDONLY)
except OSError as error:
    os.write(1, b"%d %d" % (error.errno, last))
`;
  // How much the program has before its first file differs by hundreds of KiB from machine to machine: the limit follows
  // the last file, at 256 bytes each, until it leaves 150 KiB beside a full table. The next table takes 290 KiB.
  let kmem = 4_864_000;
  for (let tries = 0; tries < 4; tries += 1) {
    const ran = await inGuest(t, ['--', 'python3', '-c', program], { kernel: '6.1', kmem: String(kmem) });
    if (ran === null) return;
    const [errno, last = 0] = ran.stdout.split(' ').map(Number);
    t.is(errno, 12, ran.stderr);
    t.true((ran.result?.kmem.overshoot ?? 1e9) <= FEW_BYTES, ran.stderr);
    t.log(`${kmem} bytes: ${last}`);
    if (last >= FULL_TABLE - 4 && last < FULL_TABLE) return;
    kmem += last < FULL_TABLE ? (FULL_TABLE - last) * FILE_BYTES + 150 * 1024 : -128 * 1024;
  }
  t.fail('no limit refused the next table');
});

test('v2: the limit stays what it is when a group below the run’s is removed', async (t) => {
  const program = `import os
files = []
try:
    while True: files.append(os.open("/dev/null", os.O_RDONLY))
except OSError as error:
    for file in files: os.close(file)
    os.write(1, b"%d %d" % (error.errno, len(files)))
`;
  const script = `g=/sys/fs/cgroup$(cut -d: -f3 /proc/self/cgroup); g=\${g%/run}
    echo +memory > $g/cgroup.subtree_control && mkdir $g/below && echo $$ > $g/below/cgroup.procs || exit 2
    for i in 1 2 3 4 5 6 7 8; do sleep 0.2 & done; wait
    echo $$ > $g/run/cgroup.procs && rmdir $g/below || exit 3
    sleep 2; exec "$@"`;
  const words = ['--', 'sh', '-c', script, 'sh', 'python3', '-c', program];
  for (const kernel of [ERROR_INJECTION, '6.12']) {
    const ran = await inGuest(t, words, { kernel, cgroup: 'v2' });
    if (ran === null) return;
    const [errno, opened] = ran.stdout.split(' ');
    t.is(errno, '12', `${kernel}: ${ran.stdout}${ran.stderr}`);
    t.true(Number(opened) > 500 && (ran.result?.kmem.overshoot ?? 1e9) <= FEW_BYTES, ran.stdout + ran.stderr);
    t.true((ran.result?.kmem.maxUsage ?? 0) > (1 << 20) - 2 * FEW_BYTES, ran.stderr);
  }
});

test('without --enforce: programs where they work, and the gate for what only it can do', async (t) => {
  const auto = ['--', 'sh', '-c', 'while :; do sleep 100 & done'];
  const ran = await inGuest(t, auto, { enforce: 'auto', kernel: '6.1', cgroup: null });
  if (ran === null) return;
  t.like(ran.result?.enforcement, { mode: 'kernel', granularity: 'object' }, ran.stderr);
  t.true((ran.result?.kmem.failcnt ?? 0) > 0, ran.stderr);
  for (const options of [
    ['--errno', 'enomem'],
    ['--reserve', '0'],
  ]) {
    const gated = await inGuest(t, [...options, ...auto], { enforce: 'auto', kernel: '6.1', cgroup: null });
    t.is(gated?.result?.enforcement.mode, 'gate', `${options}: ${gated?.stderr}`);
  }
});

test('a failure names the function that allocated, and how the kernel came there', async (t) => {
  for (const kernel of [ERROR_INJECTION, '6.1']) {
    const ran = await inGuest(t, ['--verbose', '--', ...exhaust('open')], { kernel });
    if (ran === null) return;
    const opened = ran.result?.failures.find(({ syscall }) => syscall === 'openat');
    t.regex(opened?.allocation?.function ?? '', /^(?:__)?alloc_(?:empty_)?file$/, ran.stderr);
    t.is(opened?.allocation?.stack[0], opened?.allocation?.function ?? '');
    t.true(opened?.allocation?.stack.includes('do_filp_open'), opened?.allocation?.stack.join());
    t.regex(ran.stderr, /refused: 4,096 \(object\) by \w+ ← .*do_filp_open ← /);
  }
});

test('where programs may refuse nothing, nothing runs, and the reason is told', async (t) => {
  const ran = await inGuest(t, ['--', 'echo', 'ran'], { kernel: '5.10' });
  if (ran === null) return;
  t.is(ran.status, 125);
  t.is(ran.stdout, '');
  t.is(ran.result?.error?.code, 'no-enforcement', ran.stderr);
  t.regex(ran.stderr, /--enforce kernel does not work on this kernel: a BPF program /);
  t.regex(ran.stderr, /hint: use --enforce gate, or /);
});
