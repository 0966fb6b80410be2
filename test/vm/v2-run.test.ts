/** `--kernel 6.12`, which has only cgroup v2: what is counted, what is limited, and how precisely. */

import { existsSync } from 'node:fs';
import anyTest, { type ExecutionContext } from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { type Harness, makeHarness, type Ran } from '../harness.ts';
import { needs } from '../needs.ts';
import { APACHECTL, makeSite, TIMEOUT } from './apache.ts';
import { needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;
const KERNEL = '6.12';
const KIB = 1024;

/** Within this range Apache's stop, which loads its modules again, fails, and the steps before it do not. */
const BELOW_PEAK_KIB = [36, 16, 56, 76];

type Run = (args: readonly string[]) => Promise<Ran>;

async function inGuest(t: ExecutionContext, body: (run: Run, harness: Harness) => Promise<void>): Promise<void> {
  t.timeout(10 * 60_000);
  if (!(await needsKernel(t, KERNEL))) return;
  const harness = makeHarness(t);
  const kernelOf = (args: readonly string[]) => (args[0]?.startsWith('--kernel') ? [] : ['--kernel', KERNEL]);
  await body((args) => harness.run([...kernelOf(args), ...args], TIMEOUT), harness);
  harness.assertNothingLeft();
}

test('without a limit the kernel’s counter is told, and where it went', (t) =>
  inGuest(t, async (run) => {
    const { stdout, stderr, status, result } = await run([
      '--enforce',
      'none',
      '--',
      'sh',
      '-c',
      'cat /proc/self/cgroup; sleep 0.5 & sleep 0.5; wait',
    ]);
    t.is(status, 0, stderr);
    t.regex(stdout, /^0::\/kmem-run\.[0-9a-f]+\/run\n$/);
    t.is(result?.environment.cgroup, 'v2');
    t.regex(result?.enforcement.vm?.kernel ?? '', /^6\.12/);
    t.is(result?.enforcement.mode, 'none');
    const { maxUsage, maxUsageSource, parts, usage, failcnt } = result?.kmem ?? {};
    t.is(maxUsageSource, 'sum');
    // Two sleeps and a shell: three tasks, their stacks and page tables.
    t.true((maxUsage ?? 0) > 128 * KIB, `${maxUsage}`);
    t.true((usage ?? Number.POSITIVE_INFINITY) < (maxUsage ?? 0));
    t.is(failcnt, null);
    t.true((parts?.kernel_stack ?? 0) >= 3 * 16 * KIB, JSON.stringify(parts));
    t.true((parts?.pagetables ?? 0) > 0 && (parts?.slab ?? 0) > 0);
    const { sock = 0, ...inKmem } = parts ?? {};
    t.is(sock, 0);
    t.true(Object.values(inKmem).reduce((sum, bytes) => sum + bytes, 0) <= (maxUsage ?? 0));
    t.true(result?.samples.some(({ kmem }) => (kmem ?? 0) > 0));
    t.true((result?.mem.maxUsage ?? 0) > (maxUsage ?? 0));
    t.regex(stderr, /where it went: /);
  }));

test('the overshoot is bounded for a shell that forks until it fails', (t) =>
  inGuest(t, async (run) => {
    const { stderr, result } = await run([
      '--enforce',
      'gate',
      '--kmem',
      '1M',
      '--timeout',
      '60s',
      '--',
      'sh',
      '-c',
      'while sleep 99 & do :; done',
    ]);
    t.log(result?.kmem);
    t.is(result?.enforcement.mode, 'gate');
    t.is(result?.kmem.maxUsageSource, 'sum');
    t.true((result?.kmem.failcnt ?? 0) > 0, stderr);
    t.regex(stderr, /Cannot fork|Cannot allocate memory|failed to map segment/);
    t.true((result?.kmem.overshoot ?? Number.POSITIVE_INFINITY) <= 256 * KIB);
    t.true((result?.kmem.maxUsage ?? 0) > 512 * KIB);
    t.true((result?.failures[0]?.usage ?? 0) > 512 * KIB);
  }));

test('Apache starts and serves, and its stop cannot allocate memory: the same cliff as by v1', async (t) => {
  t.timeout(10 * 60_000);
  if (!needs(t, existsSync(APACHECTL), 'apache2') || !(await needsKernel(t, KERNEL))) return;
  const { cycle, assertNothingLeft } = makeSite(t, 18_086, ['--kernel', KERNEL, '--cgroup', 'v2']);
  const generous = await cycle(['--kmem', '16M']);
  t.is(generous.status, 0, generous.stderr);
  t.is(generous.result?.kmem.failcnt, 0);
  const peakKib = (generous.result?.steps[2]?.kmemMaxUsage ?? 0) / KIB;
  t.true(peakKib > KIB);
  const seen: Ran[] = [];
  for (const below of BELOW_PEAK_KIB)
    if (!seen.some(isTheCliff))
      seen.push(await cycle(['--kmem', `${peakKib - below}K`, '--expect', 'steps[2].exit!=0']));
  const told = seen.map(({ result }) => `${result?.limits.kmem}: ${result?.steps.map(({ exit }) => exit.code)}`);
  t.log(`stop peaks at ${peakKib} KiB`, told);
  const cliff = seen.find(isTheCliff);
  t.truthy(cliff, seen.map(({ stderr, stdout }) => stdout + stderr).join('\n---\n'));
  t.is(cliff?.result?.environment.cgroup, 'v2');
  t.is(cliff?.result?.enforcement.mode, 'kernel');
  t.true((cliff?.result?.kmem.failcnt ?? 0) > 0);
  t.true((cliff?.result?.kmem.overshoot ?? Number.POSITIVE_INFINITY) <= 64 * KIB);
  assertNothingLeft();
});

function isTheCliff({ stdout, stderr, result }: Ran): boolean {
  const [start, page, stop] = result?.steps ?? [];
  const served = start?.exit.code === 0 && page?.exit.code === 0 && /HTTP\/1\.1 200/.test(stdout);
  return served && stop?.exit.code !== 0 && /Cannot allocate memory/.test(stderr);
}

test('the same program twice has its peaks within what is told to be uncertain', (t) =>
  inGuest(t, async (run) => {
    const objects = compileFixture('objects');
    const peaks: number[] = [];
    const uncertain: number[] = [];
    for (const _ of [1, 2]) {
      const { result, stderr } = await run(['--kmem', '16M', '--', objects, 'sockets', '200']);
      peaks.push(result?.kmem.maxUsage ?? 0);
      uncertain.push(result?.kmem.uncertainty ?? 0);
      t.is(result?.outcome, 'passed', stderr);
    }
    const [first = 0, second = 0] = peaks;
    t.log(`peaks ${peaks}, uncertain ${uncertain}`);
    t.true(first > 200 * 3000);
    t.true(Math.abs(first - second) <= Math.max(...uncertain));
    // Small enough to be meaningful.
    t.true(Math.max(...uncertain) < 256 * KIB);
  }));

test('memory and processes are limited, and the joiner is none of them', (t) =>
  inGuest(t, async (run) => {
    const one = await run(['--kmem', '4M', '--pids', '1', '--', 'true']);
    t.is(one.status, 0, one.stderr);
    t.deepEqual(one.result?.pids, { max: 1, failcnt: 0 });
    const [touch, limits] = [compileFixture('touch-memory'), ['--mem', '16M', '--memsw', '16M', '--pids', '2']];
    const eater = await run([...limits, '--', 'sh', '-c', `${touch} 64; sleep 3; sleep 9 & sleep 9 & wait`]);
    t.is(eater.result?.outcome, 'oom', eater.stderr);
    t.is(eater.result?.mem.oomKills, 1);
    // From the kernel's notification: after the step started, and before it ended, some seconds later.
    const [step] = eater.result?.steps ?? [];
    const { oomKillAtMs } = eater.result?.mem ?? {};
    t.true((oomKillAtMs ?? 0) > (step?.atMs ?? 0), `${oomKillAtMs}`);
    t.true((oomKillAtMs ?? Number.POSITIVE_INFINITY) < (step?.atMs ?? 0) + (step?.wallMs ?? 0), `${oomKillAtMs}`);
    t.regex(eater.stderr, /the OOM killer killed 1 process at the memory limit of 16 MiB after /);
    t.true((eater.result?.mem.failcnt ?? 0) > 0);
    t.is(eater.result?.mem.maxUsage, 16 * KIB * KIB);
    t.true((eater.result?.pids?.failcnt ?? 0) > 0);
    t.like(eater.result?.limits, { mem: 16 * KIB * KIB, memsw: 16 * KIB * KIB, pids: 2 });
  }));

test('a version that this kernel has not is refused, and so is what v2 cannot limit', (t) =>
  inGuest(t, async (run) => {
    const refused = async (options: readonly string[], code: string): Promise<void> => {
      const { status, stdout, result } = await run([...options, '--', 'echo', 'ran']);
      t.is(status, 125);
      t.is(stdout, '');
      t.is(result?.error?.code, code, result?.error?.message);
    };
    await refused(['--cgroup', 'v1', '--kmem', '1M'], 'no-such-cgroup');
    await refused(['--kmem-tcp', '1M'], 'limit-not-set');
    if (!(await needsKernel(t, '5.10'))) return;
    await refused(['--kernel=5.10', '--cgroup', 'v2', '--kmem', '1M'], 'kmem-not-told');
  }));
