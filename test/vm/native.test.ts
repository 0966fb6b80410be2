/** The kernel's own limit, on the kernel of Debian 11, which really enforces one. */

import test, { type ExecutionContext } from 'ava';
import { findKernel } from '../../src/kernels/find.ts';
import type { Result } from '../../src/result/schema.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { type Harness, makeHarness, type Ran } from '../harness.ts';
import { needs } from '../needs.ts';

const KERNEL = '5.10';

async function kernelThere(): Promise<boolean> {
  return findKernel(KERNEL).then(
    () => true,
    () => false,
  );
}

/** Runs in the guest; null if that kernel is not available here. */
async function inGuest(t: ExecutionContext, args: readonly string[]): Promise<(Ran & { result: Result }) | null> {
  if (!needs(t, await kernelThere(), `the kernel ${KERNEL} (kmem-run kernel add ${KERNEL})`)) return null;
  const harness: Harness = makeHarness(t);
  const ran = await harness.run(['--kernel', KERNEL, ...args]);
  harness.assertNothingLeft();
  if (ran.result === null) throw new Error(`no result: ${ran.stderr}`);
  t.is(ran.result.error, null, ran.stderr);
  return { ...ran, result: ran.result };
}

function pairsOf({ failureCounts }: Result) {
  return failureCounts.map(({ syscall, errno }) => `${syscall} ${errno}`);
}

test.serial('the kernel enforces the limit, and a failure is a refused call, whatever the process name', async (t) => {
  const ran = await inGuest(t, ['--kmem', '400K', '--then', 'cat /absent', '--', compileFixture('odd-comm')]);
  if (ran === null) return;
  const { result } = ran;
  t.like(result.enforcement, {
    mode: 'native',
    granularity: 'charge',
    failuresDropped: 0,
    failuresUncounted: 0,
    notes: [],
  });
  t.is(result.limits.kmem, 400 * 1024);
  t.is(result.kmem.maxUsage, 400 * 1024);
  t.is(result.kmem.overshoot, 0);
  // Not chdir, nor the cat of a file that does not exist: they failed, but were refused nothing.
  t.deepEqual(
    result.failures.map(({ comm, syscall, detail, step }) => [comm, syscall, detail, step]),
    [
      ['odd-comm', 'pipe2', null, 0],
      ['a b) S 1 [0]', 'openat', '/dev/null', 0],
      ['line\nbreak\t"\\', 'openat', '/dev/null', 0],
      ['\udcff\udcc3 not utf-8', 'openat', '/dev/null', 0],
      ['sh-109 => -12', 'openat', '/dev/null', 0],
      ['', 'openat', '/dev/null', 0],
      ['mapper', 'mmap', '/etc/passwd', 0],
    ],
  );
  t.true(result.failures.every(({ pid, tid }) => pid !== null && pid === tid));
  // Depends on which of a pipe's objects was refused.
  t.regex(result.failures[0]?.errno ?? '', /^(ENOMEM|ENFILE)$/);
  t.true(result.failures.slice(1).every(({ errno }) => errno === 'ENOMEM'));
  const times = result.failures.map(({ atMs }) => atMs);
  t.deepEqual(
    times,
    times.toSorted((a, b) => a - b),
  );
  t.true((times.at(0) ?? -1) >= 0 && (times.at(-1) ?? 0) <= (result.steps[1]?.atMs ?? 0));
  // The kernel's counter: here each refusal failed a call.
  t.is(result.kmem.failcnt, 7);
  t.deepEqual(
    result.steps.map(({ failcnt }) => failcnt),
    [7, 0],
  );
});

test.serial('every failure in a storm is counted, and a long storm is not a livelock', async (t) => {
  const then = ['--then', `${compileFixture('retry')} 6`];
  const ran = await inGuest(t, ['--kmem', '400K', ...then, '--', compileFixture('denial-storm'), '3']);
  if (ran === null) return;
  const { result } = ran;
  const failed = Number(ran.stdout);
  // More than are reported in full; how many more in three seconds depends on the machine's speed.
  t.true(failed > 1000, ran.stdout);
  t.is(result.terminationReason, null);
  t.is(ran.status, 0);
  const countOf = (name: string) =>
    result.failureCounts.reduce((sum, { comm, count }) => sum + (comm === name ? count : 0), 0);
  t.is(countOf('denial-storm'), failed);
  t.true(countOf('retry') > 100);
  t.true(pairsOf(result).every((pair) => /^(openat ENOMEM|pipe2 (ENOMEM|ENFILE))$/.test(pair)));
  t.is(result.failures.length, 1000);
  t.is(result.enforcement.failuresDropped, failed + countOf('retry') - 1000);
  t.is(result.enforcement.failuresUncounted, 0);
  t.true((result.kmem.failcnt ?? 0) >= failed + countOf('retry'));
  t.true((result.steps[0]?.failcnt ?? 0) >= failed);
});

test.serial('a page fault that the limit refuses for ever ends the run', async (t) => {
  const ran = await inGuest(t, ['--kmem', '400K', '--', compileFixture('sparse-touch'), '2048']);
  if (ran === null) return;
  const { result } = ran;
  t.is(ran.status, 124);
  t.is(result.outcome, 'timeout');
  t.is(result.terminationReason, 'livelock');
  t.regex(result.enforcement.notes.join('\n'), /sparse-touch \(\d+\) was stuck in a page fault/);
  // No call returned: only the counter shows the refusals.
  t.deepEqual(result.failures, []);
  t.true((result.kmem.failcnt ?? 0) > 100);
});

test.serial('a limit too low to start the command is a result: the fork was refused', async (t) => {
  const ran = await inGuest(t, ['--kmem', '16K', '--', 'true']);
  if (ran === null) return;
  t.is(ran.status, 126);
  t.is(ran.result.outcome, 'failed');
  t.deepEqual(
    ran.result.failures.map(({ comm, syscall, errno, step }) => [comm, syscall, errno, step]),
    [['kmem-helper', 'clone3', 'ENOMEM', 0]],
  );
});

/** Next to the group, in the guest's own. */
const LEAVE = 'for d in memory pids unified; do echo 0 > /sys/fs/cgroup/$d/cgroup.procs; done';

test.serial('OOM kills outside the group are reported, and never hit the runner or the helper', async (t) => {
  const touch = compileFixture('touch-memory');
  const seen = 'for p in /proc/[0-9]*; do echo "$(cat $p/comm) $(cat $p/oom_score_adj)"; done';
  const ran = await inGuest(t, [
    ...['--kmem', '100M', '--vm-memory', '1G', '--expect', 'steps[1].exit==0'],
    ...['--then', `${touch} 550`, '--then', `echo self $(cat /proc/self/oom_score_adj); ${seen}`],
    ...['--', 'sh', '-c', `mkfifo told; (${LEAVE}; exec ${touch} 500 120) > told & read touched < told`],
  ]);
  if (ran === null) return;
  const { result, stdout } = ran;
  t.is(result.mem.oomKills, 0);
  t.is(result.warnings.length, 1, result.warnings.join('\n'));
  t.regex(result.warnings[0] ?? '', /global OOM killer killed touch-memory \(\d+\) outside the group, in \//);
  t.regex(stdout, /^self 0$/m);
  t.regex(stdout, /^kmem-helper -1000$/m);
  // Node, by its main thread's name.
  t.regex(stdout, /^(MainThread|node) -1000$/m);
});
