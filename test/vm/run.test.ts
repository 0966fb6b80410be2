/** `--kernel 5.10`: the same run on a kernel that enforces, in a microVM. */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest from 'ava';
import { makeHarness, type Ran, signalUntilEnded } from '../harness.ts';
import { needs } from '../needs.ts';
import { commOf, descendantsOf } from '../processes.ts';
import { APACHECTL, fixtures, makeSite, siteVariables, TIMEOUT } from './apache.ts';
import { needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;

/** Limits at which Apache, on its stop, fails to load its modules; they vary by a few pages between machines. */
const BELOW_PEAK_KIB = [48, 58, 40, 66, 72, 32, 54, 80];

/** Which call is refused is luck: that of a module, a fork of apachectl, or an exec, which then fails with E2BIG. */
const FOR_LACK_OF_MEMORY = /Cannot allocate memory|Cannot fork|Argument list too long/;

test('Apache starts, serves and stops natively under 4M; below that, stopping fails for lack of memory', async (t) => {
  t.timeout(15 * 60_000);
  if (!needs(t, existsSync(APACHECTL), 'apache2') || !(await needsKernel(t, '5.10'))) return;
  const { cycle, assertNothingLeft } = makeSite(t, 18_083, ['--kernel', '5.10']);
  const generous = await cycle(['--kmem', '4M']);
  t.is(generous.status, 0, generous.stderr);
  t.regex(generous.stdout, /HTTP\/1\.1 200/);
  t.is(generous.result?.kmem.failcnt, 0);
  const peakKib = (generous.result?.steps[2]?.kmemMaxUsage ?? 0) / 1024;
  t.true(peakKib > 1024);

  const seen: Ran[] = [];
  const expected = [
    '--expect',
    'steps[2].exit!=0',
    '--expect',
    'failcnt>0',
    '--expect',
    `stderr~${FOR_LACK_OF_MEMORY}`,
  ];
  for (const below of BELOW_PEAK_KIB)
    if (seen.at(-1)?.status !== 0) seen.push(await cycle(['--kmem', `${peakKib - below}K`, ...expected]));
  const told = seen.at(-1);
  t.is(told?.status, 0, seen.map(({ stderr }) => stderr).join('\n---\n'));
  t.regex(told?.stderr ?? '', FOR_LACK_OF_MEMORY);
  const { result } = told ?? {};
  t.is(result?.enforcement.mode, 'native');
  t.regex(result?.enforcement.vm?.kernel ?? '', /^5\.10/);
  t.regex(result?.environment.kernel ?? '', /^5\.10/);
  t.true((result?.enforcement.vm?.bootMs ?? 0) > 0);
  t.true((result?.kmem.failcnt ?? 0) > 0);
  t.is(result?.kmem.overshoot, 0);
  t.true(result?.failures.some(({ comm, errno, step }) => comm?.startsWith('apache') && errno !== null && step === 2));
  assertNothingLeft();
});

test('streams, arguments, folder, environment and exit pass through; files persist only under --rw', async (t) => {
  if (!(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  mkdirSync(harness.path('kept'));
  writeFileSync(harness.path('there'), 'before');
  const script = `cat; pwd; echo "$NAMED"; printf '%s|' "$@"; echo changed > there; echo kept > kept/file; cat there; echo err >&2; printf '%s ' "$ODD" "$4" > kept/odd; exit 7`;
  const args = ['a b', 'ü\n', ''];
  const { status, stdout, stderr, result } = await harness.run(
    [
      '--kernel',
      '5.10',
      '--rw',
      harness.path('kept'),
      '--env',
      'NAMED=value\nof two lines',
      '--',
      'sh',
      '-c',
      script,
      'sh',
      ...args,
    ],
    {
      ...{ input: 'from stdin\n', ...TIMEOUT },
      // Bytes that are not UTF-8.
      under: ['/bin/sh', '-c', `export ODD="$(printf 'o\\377')"; exec "$@" "$(printf 'a\\351')"`, 'sh'],
    },
  );
  t.is(status, 7);
  t.is(stdout, `from stdin\n${harness.folder}\nvalue\nof two lines\na b|ü\n||a\ufffd|changed\n`);
  t.is(readFileSync(harness.path('kept/odd'), 'latin1'), 'o\xff a\xe9 ');
  t.is(result?.spec.command.at(-1), 'a\udce9');
  t.regex(stderr, /^err\n/);
  t.is(harness.read('there'), 'before');
  t.is(harness.read('kept/file'), 'kept\n');
  t.deepEqual(result?.spec.command.slice(0, 2), ['sh', '-c']);
  t.is(result?.spec.kernel, '5.10');
  t.is(result?.enforcement.mode, 'none');
  harness.assertNothingLeft();
});

test('expectations judge the output received, and a signal is distinct from an exit', async (t) => {
  if (!(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  const expected = ['--expect', 'stdout~/two/', '--expect', 'steps[1].exit==3', '--expect', 'steps[0].exit!=0'];
  const ran = await harness.run(
    [
      '--kernel',
      '5.10',
      '--output',
      harness.path('out'),
      ...expected,
      '--then',
      'echo two; exit 3',
      '--',
      'sh',
      '-c',
      'echo one; kill -SEGV $$',
    ],
    TIMEOUT,
  );
  t.is(ran.status, 0, ran.stderr);
  t.is(harness.read('out'), 'one\ntwo\n');
  t.is(ran.stdout, '');
  t.true(ran.result?.expectations.every(({ passed }) => passed));
  harness.assertNothingLeft();
});

test('a command that cannot run in the guest gives the same kind of error as on the host', async (t) => {
  if (!(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  const absent = await harness.run(['--kernel', '5.10', '--', 'no-such-program'], TIMEOUT);
  t.is(absent.status, 127);
  t.is(absent.result?.error?.code, 'command-not-found');
  const unknown = await harness.run(['--kernel', '9.99', '--', 'true']);
  t.is(unknown.status, 125);
  t.is(unknown.result?.error?.code, 'no-such-kernel');
  t.regex(unknown.stderr, /kmem-run kernel/);
  const stray = await harness.run(['--vm-memory', '1G', '--', 'true'], { json: false });
  t.is(stray.status, 125);
  t.regex(stray.stderr, /--vm-memory.*--kernel/s);
  harness.assertNothingLeft();
});

test('--enforce gate uses a gate in the guest', async (t) => {
  if (!(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  const { result, stderr } = await harness.run(
    [
      '--kernel',
      '5.10',
      '--enforce',
      'gate',
      '--kmem',
      '512K',
      '--timeout',
      '30s',
      '--',
      'sh',
      '-c',
      'while sleep 60 & do :; done',
    ],
    TIMEOUT,
  );
  t.is(result?.enforcement.mode, 'gate', stderr);
  t.regex(stderr, /Cannot fork/);
  t.true((result?.kmem.failcnt ?? 0) > 0);
  t.true((result?.failures.length ?? 0) > 0);
  harness.assertNothingLeft();
});

test('a command that fills the guest’s memory is killed there, and this is reported', async (t) => {
  if (!(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  const { status, result, stderr } = await harness.run(
    ['--kernel', '5.10', '--vm-memory', '512M', '--', 'perl', '-e', 'push @all, "x" x 10_000_000 while 1'],
    TIMEOUT,
  );
  t.is(result?.outcome, 'oom', stderr);
  t.is(status, 137);
  t.true((result?.mem.oomKills ?? 0) > 0);
  harness.assertNothingLeft();
});

test('if QEMU is killed, the result is void and says so; if kmem-run is killed, QEMU ends too', async (t) => {
  if (!(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  mkdirSync(harness.path('kept'));
  const share = ['--rw', harness.path('kept')];
  const running = harness.start(
    ['--kernel', '5.10', ...share, '--', 'sh', '-c', 'echo > kept/up; exec sleep 60'],
    TIMEOUT,
  );
  // A failed boot is retried: it has to be up.
  await until(() => harness.has('kept/up'));
  process.kill(await qemuOf(running.pid), 'SIGKILL');
  const { status, result, stderr } = await running.ended;
  t.is(status, 125, stderr);
  t.is(result?.terminationReason, 'vm-lost');
  t.is(result?.outcome, 'setup-error');
  t.is(result?.kmem.maxUsage, null);
  t.regex(stderr, /the result is void: the microVM died/);

  const second = harness.start(['--kernel', '5.10', '--', 'sleep', '60'], TIMEOUT);
  const qemu = await qemuOf(second.pid);
  process.kill(parentOfQemu(qemu), 'SIGKILL');
  await second.ended;
  await until(() => !existsSync(`/proc/${qemu}`));
  harness.assertNothingLeft();
});

test('SIGTERM ends the run in the guest, with its grace period and a report', async (t) => {
  if (!(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  mkdirSync(harness.path('kept'));
  const script =
    'trap "echo term > kept/trap; exit 5" TERM; cat /proc/self/cgroup > kept/group; : > kept/up; while :; do sleep 0.1; done';
  const running = harness.start(['--kernel', '5.10', '--rw', harness.path('kept'), '--', 'sh', '-c', script], TIMEOUT);
  await until(() => harness.has('kept/up'));
  running.signal('SIGTERM');
  const { status, result } = await running.ended;
  t.true(harness.read('kept/group').includes(`/kmem-run.${result?.id}`), 'its group is named after it');
  t.is(status, 143);
  t.is(result?.outcome, 'interrupted');
  t.deepEqual(result?.steps[0]?.exit, { code: 5, signal: null });
  t.is(harness.read('kept/trap'), 'term\n');
  harness.assertNothingLeft();
});

test('SIGTERM works while the microVM boots and while kmem-run starts in it', async (t) => {
  if (!(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  for (const ms of [1000, 2000, 3000, 4000, 5000]) {
    const running = harness.start(['--kernel', '5.10', '--', 'sleep', '61'], TIMEOUT);
    await sleep(ms);
    running.signal('SIGTERM');
    const { status, stderr, result } = await running.ended;
    t.deepEqual([status, result?.outcome], [143, 'interrupted'], `${ms} ms: ${stderr}`);
  }
  harness.assertNothingLeft();
});

test('signals after the last step cut the grace of leftovers short; result and status are unchanged', async (t) => {
  if (!(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  mkdirSync(harness.path('kept'));
  const script = `cd kept; (trap ': > told' TERM; : > up; while :; do sleep 0.1; done) &
    until [ -e up ]; do sleep 0.1; done; exit 7`;
  const options = ['--kernel', '5.10', '--rw', harness.path('kept'), '--quiet-limit', '50ms', '--grace', '1h'];
  const running = harness.start([...options, '--', 'sh', '-c', script], TIMEOUT);
  await until(() => harness.has('kept/told'));
  const { status, result } = await signalUntilEnded(running, 'SIGTERM');
  t.is(status, 7, JSON.stringify([result?.steps, result?.leftover, result?.ending]));
  t.is(result?.outcome, 'failed');
  t.is(result?.terminationReason, null);
  harness.assertNothingLeft();
});

test('an ordinary user needs no privilege, and reads in the guest what they may read outside', async (t) => {
  t.timeout(10 * 60_000);
  if (!needs(t, existsSync(APACHECTL), 'apache2') || !(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  const install = installFor(harness.folder);
  writeFileSync(harness.path('secret'), 'of root', { mode: 0o600 });
  const site = makeOwnSite(harness.folder, 18_084);
  const words = (options: readonly string[]) => [
    ...['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--no-new-privs'],
    ...['env', `XDG_CACHE_HOME=${install.cache}`, `HOME=${install.cache}`, ...site],
    ...[install.node, install.bin, '--kernel', '5.10', ...options],
  ];
  const get = `exec bash ${join(fixtures, 'get.sh')} 18084`;
  const then = [get, 'exec apachectl stop', 'id -u; cat secret; echo $?'].flatMap((step) => ['--then', step]);
  const apache = await harness.startProgram(
    words(['--kmem', '4M', '--timeout', '60s', ...then, '--', APACHECTL, 'start']),
    TIMEOUT,
  ).ended;
  t.is(apache.status, 0, apache.stderr);
  t.regex(apache.stdout, /HTTP\/1\.1 200/);
  t.regex(apache.stdout, /^65534\n1\n$/m);
  t.regex(apache.stderr, /secret: Permission denied/);
  t.regex(apache.stderr, /the kernel's own limit/);
  harness.assertNothingLeft();
});

/** A site owned by nobody (65534), who also runs it. */
function makeOwnSite(folder: string, port: number): string[] {
  const site = join(folder, 'site');
  const variables = siteVariables(site, port);
  const file = join(site, 'etc', 'envvars');
  writeFileSync(
    file,
    readFileSync(file, 'utf8').replaceAll('www-data', 'nobody').replace('GROUP=nobody', 'GROUP=nogroup'),
  );
  execFileSync('chown', ['-R', '65534:65534', site]);
  return variables;
}

/** The clone may be in a folder that others cannot enter, as may root's kernels. */
function installFor(folder: string): Readonly<{ node: string; bin: string; cache: string }> {
  const root = join(import.meta.dirname, '..', '..');
  const install = join(folder, 'install');
  const cache = join(folder, 'cache');
  mkdirSync(join(cache, 'kmem-run', 'kernels'), { recursive: true });
  mkdirSync(install);
  execFileSync('cp', ['-r', ...['bin', 'dist', 'src', 'package.json'].map((name) => join(root, name)), install]);
  // As from a packed tarball: the native programs are built on first use, in the user's cache folder.
  for (const name of ['kmem-helper', 'kmem-agent']) rmSync(join(install, 'dist', name));
  execFileSync('cp', ['-L', process.execPath, join(install, 'node')]);
  const own = execFileSync(process.execPath, [join(root, 'bin', 'kmem-run.js'), 'kernel', 'list', '--json'], {
    encoding: 'utf8',
  });
  const { kernels } = JSON.parse(own) as { kernels: { name: string; folder: string }[] };
  const kernel = kernels.find(({ name }) => name === '5.10')?.folder;
  execFileSync('cp', ['-a', kernel ?? '', join(cache, 'kmem-run', 'kernels', '5.10')]);
  execFileSync('chown', ['-R', '65534:65534', cache]);
  execFileSync('chmod', ['-R', 'go-w,a+rX', install]);
  execFileSync('chmod', ['0755', folder]);
  return { node: join(install, 'node'), bin: join(install, 'bin', 'kmem-run.js'), cache };
}

/** The pid of the QEMU that is a descendant of a process. */
async function qemuOf(pid: number): Promise<number> {
  for (;;) {
    const found = descendantsOf(pid).find((child) => commOf(child).startsWith('qemu-system'));
    if (found !== undefined) return found;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

function parentOfQemu(qemu: number): number {
  const stat = readFileSync(`/proc/${qemu}/stat`, 'latin1');
  return Number(stat.slice(stat.lastIndexOf(')') + 4).split(' ')[0]);
}

async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 50));
}
