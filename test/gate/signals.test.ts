/** Signals that arrive while the gate decides, and a delayed helper: the program notices neither. */

import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { release } from 'node:os';
import { basename } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest from 'ava';
import { stateOf } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { type Harness, makeHarness } from '../harness.ts';
import { lenient, slowness, where } from '../needs.ts';
import { descendant, supervisorOf, untilSo } from './descendants.ts';

const test = anyTest.serial;
const signals = compileFixture('signals');
const handlers = compileFixture('handlers');

const [major = 0, minor = 0] = release().split('.').map(Number);
/** Whether the gate repairs calls that signals interrupt: src/native/helper/repair.h. */
const repairs = process.arch === 'x64' && process.geteuid?.() === 0 && (major > 5 || (major === 5 && minor >= 19));
const repairTest = where(repairs, 'Linux 5.19 on x86-64, and root', test);

/** Timer interval in microseconds: a slow machine handles fewer signals. */
const every = (interval: number): string => String(interval * slowness);

/** By kind of call: how many were made, how many failed, and how many with EINTR. */
type Counts = Readonly<Record<string, { made: number; failed: number; interrupted: number }>>;

function countsOf(stdout: string): Counts {
  const rows = stdout.trim().split('\n');
  return Object.fromEntries(
    rows.map((row) => {
      const [name, made, failed, interrupted] = row.split(' ');
      return [name ?? '', { made: Number(made), failed: Number(failed), interrupted: Number(interrupted) }];
    }),
  );
}

function sum(counts: Counts, key: 'failed' | 'interrupted') {
  return Object.values(counts).reduce((total, count) => total + count[key], 0);
}

/** As in test/fixtures/signals.c, which makes no forks under shorter timers. */
const SHORTEST_FOR_FORK = 2000;

function alarmsOf(counts: Counts) {
  return counts.alarms?.made ?? 0;
}

for (const [microseconds, loops] of [
  [200, 3000],
  [2000, 1000],
] as const) {
  test(`with SA_RESTART no call fails under a timer of ${microseconds} µs`, async (t) => {
    const harness = makeHarness(t);
    const command = [signals, 'restart', every(microseconds), String(loops)];
    const { status, stdout, result } = await harness.run(['--kmem', '64M', '--', ...command]);
    const counts = countsOf(stdout);
    t.is(status, 0);
    t.is(sum(counts, 'failed'), 0, stdout);
    t.is(counts.mkdir?.made, loops);
    t.is(counts.munmap?.made, loops);
    t.is(counts.fork?.made, microseconds * slowness >= SHORTEST_FOR_FORK ? loops : undefined);
    t.true(alarmsOf(counts) > 0);
    t.is(result?.kmem.failcnt, 0);
    harness.assertNothingLeft();
  });
}

test('the same while the helper is stopped and continued all the time', async (t) => {
  const harness = makeHarness(t);
  const { stops, ran } = await holdUp(harness, [signals, 'restart', every(200), '1000']);
  const { status, stdout, result } = ran;
  t.log(`${stops} times`);
  t.is(status, 0);
  t.is(sum(countsOf(stdout), 'failed'), 0, stdout);
  t.true(stops > 3);
  t.is(result?.kmem.failcnt, 0);
  harness.assertNothingLeft();
});

/** Runs a program while repeatedly stopping and continuing its helper. */
async function holdUp(harness: Harness, command: readonly [string, ...string[]]) {
  const running = harness.start(['--kmem', '64M', '--', ...command]);
  const helper = await supervisorOf(running.pid);
  await descendant(running.pid, basename(command[0]));
  const over = new AbortController();
  const holding = (async () => {
    let stops = 0;
    for (; !over.signal.aborted; stops += 1) {
      signal(helper, 'SIGSTOP');
      await sleep(20);
      signal(helper, 'SIGCONT');
      await sleep(10);
    }
    return stops;
  })();
  const ran = await running.ended;
  over.abort();
  return { stops: await holding, ran };
}

/**
 * A program in a failing call, which the helper holds: it waits for the kernel to reclaim, and the reclaimer is
 * stopped.
 */
async function holdCall(harness: Harness) {
  const script = `until [ -e go ]; do sleep 0.02; done; exec ${signals} interrupt 0 0 99999`;
  const running = harness.start(['--kmem', '1M', '--reclaim', 'on', '--', 'sh', '-c', script]);
  const reclaimer = await descendant(running.pid, 'kmem-reclaimer');
  process.kill(reclaimer, 'SIGSTOP');
  writeFileSync(harness.path('go'), '');
  const program = await descendant(running.pid, 'signals');
  // It sleeps only in the held call.
  let asleep = 0;
  await untilSo(() => {
    asleep = stateOf(program) === 'S' ? asleep + 1 : 0;
    return asleep === 10;
  }, 'no call was ever held');
  return { running, program, reclaimer };
}

test('once the helper has a call in hand, no signal interrupts it, with or without SA_RESTART', async (t) => {
  const harness = makeHarness(t);
  const { running, program, reclaimer } = await holdCall(harness);
  // After the first signal only a fatal one could end its wait.
  process.kill(program, 'SIGALRM');
  await untilSo(() => stateOf(program) === 'D', 'the call was interrupted');
  process.kill(program, 'SIGALRM');
  await sleep(50);
  t.is(stateOf(program), 'D');
  process.kill(reclaimer, 'SIGCONT');
  const { stdout, result } = await running.ended;
  const counts = countsOf(stdout);
  t.is(counts.fill?.failed, 1);
  t.is(counts.fill?.interrupted, 0, stdout);
  t.is(alarmsOf(counts), 1, 'those that wait are one');
  t.is(result?.kmem.failcnt, 1);
  t.is(result?.enforcement.reclaims, 1);
  harness.assertNothingLeft();
});

test('a reclaimer that is killed holds up nothing', async (t) => {
  const harness = makeHarness(t);
  const { running, reclaimer } = await holdCall(harness);
  process.kill(reclaimer, 'SIGKILL');
  const { status, stdout, result } = await running.ended;
  t.is(status, 0);
  t.is(countsOf(stdout).fill?.failed, 1);
  t.is(result?.kmem.failcnt, 1);
  harness.assertNothingLeft();
});

test('a reclaimer that stands still for ever holds up a call for 10 s at most', async (t) => {
  const harness = makeHarness(t);
  const { running } = await holdCall(harness);
  const { status, stdout } = await running.ended;
  t.is(status, 0);
  t.is(countsOf(stdout).fill?.failed, 1);
  harness.assertNothingLeft();
});

test('a program that is killed while its call is held ends at once', async (t) => {
  const harness = makeHarness(t);
  const { running, program } = await holdCall(harness);
  process.kill(program, 'SIGTERM');
  const { result } = await running.ended;
  t.is(result?.exit.signal, 'SIGTERM');
  t.is(result?.kmem.failcnt, 0, 'nobody was there to be told');
  harness.assertNothingLeft();
});

for (const mode of ['plain', 'calls', 'forks', 'altstack', 'nested']) {
  repairTest(`without SA_RESTART no call fails that never does so by itself (handlers: ${mode})`, async (t) => {
    const harness = makeHarness(t);
    const { stdout, result } = await harness.run(['--kmem', '64M', '--', handlers, mode, every(500), '1000', '2']);
    t.regex(stdout, /^handled [1-9]\d+ failed 0\n$/);
    t.is(result?.outcome, 'passed');
    t.is(result?.enforcement.interrupted, 0);
    harness.assertNothingLeft();
  });
}

repairTest('nor where a handler jumps out, and leaves its call behind', async (t) => {
  const harness = makeHarness(t);
  const { stdout, result } = await harness.run(['--kmem', '64M', '--', handlers, 'longjmp', every(500), '1000', '2']);
  t.regex(stdout, /^handled [1-9]\d+ failed 0\n$/);
  t.is(result?.outcome, 'passed');
  harness.assertNothingLeft();
});

/**
 * Signals can arrive faster than a machine handles them, and its programs then do nothing but handle signals. Each
 * interval (microseconds) is tried until the program makes progress with one.
 */
for (const { what, mode, intervals, rest } of [
  { what: 'twelve timers on four threads', mode: 'plain', intervals: [400, 800, 1600], rest: ['2000', '4'] },
  {
    what: 'six timers, handlers do not block their signal',
    mode: 'nested',
    intervals: [200, 400, 800, 1600],
    rest: ['1000', '2'],
  },
]) {
  repairTest(`${what}: no call fails, and the program gets on`, async (t) => {
    const harness = makeHarness(t);
    for (const interval of intervals) {
      const command = [handlers, mode, every(interval), ...rest];
      const { stdout, result } = await harness.run(['--kmem', '64M', '--timeout', lenient(15), '--', ...command]);
      t.log(`${every(interval)} µs: ${result?.outcome}, ${stdout}`);
      if (result?.outcome === 'timeout' && interval !== intervals.at(-1)) continue;
      t.regex(stdout, /^handled [1-9]\d+ failed 0\n$/);
      t.is(result?.outcome, 'passed');
      t.is(result?.enforcement.interrupted, 0);
      break;
    }
    harness.assertNothingLeft();
  });
}

repairTest('both copies of a call that a handler forked upon are repaired', async (t) => {
  const harness = makeHarness(t);
  const { stdout, result } = await harness.run(['--kmem', '64M', '--', handlers, 'both', every(1500), '10000', '1']);
  t.regex(stdout, /^handled [1-9]\d+ failed 0\n$/);
  t.is(result?.outcome, 'passed');
  harness.assertNothingLeft();
});

for (const wait of ['lock', 'accept']) {
  repairTest(`a wait that signals end is not made again, nor are the signals blocked (${wait})`, async (t) => {
    const harness = makeHarness(t);
    const command = [compileFixture('ended-waits'), wait];
    const { stdout, result } = await harness.run(['--kmem', '64M', '--timeout', lenient(30), '--', ...command]);
    t.is(stdout, 'Interrupted system call\n');
    t.is(result?.outcome, 'passed');
    harness.assertNothingLeft();
  });
}

repairTest('a shell loses no fork, beside a busy process', async (t) => {
  const harness = makeHarness(t);
  const busy = spawn('sh', ['-c', 'while :; do :; done'], { stdio: 'ignore' });
  t.teardown(() => busy.kill('SIGKILL'));
  const pipelines = 'i=0; while [ $i -lt 300 ]; do /bin/true | /bin/true || exit 9; i=$((i+1)); done';
  const { status, stderr, result } = await harness.run(['--kmem', '64M', '--', 'dash', '-c', pipelines]);
  t.is(status, 0, stderr);
  t.is(result?.kmem.failcnt, 0);
  harness.assertNothingLeft();
});

test('without SA_RESTART an alarm interrupts at most the one call that the helper has not taken yet', async (t) => {
  const harness = makeHarness(t);
  const { status, stdout, result } = await harness.run([
    '--kmem',
    '64M',
    '--',
    signals,
    'interrupt',
    every(200),
    '3000',
  ]);
  const counts = countsOf(stdout);
  const interrupted = sum(counts, 'interrupted');
  t.is(result?.enforcement.interrupted, interrupted, 'each of them is counted');
  t.log(`${interrupted} calls interrupted by ${alarmsOf(counts)} alarms`);
  t.is(status, 0);
  t.is(sum(counts, 'failed'), interrupted);
  t.true(interrupted <= alarmsOf(counts));
  // It waits for a FIFO's other end, for example, and may fail by itself.
  if (repairs) t.is(counts.open?.interrupted, interrupted);
  t.is(result?.kmem.failcnt, 0);
});

test('calls that a signal takes back while the helper stands still are counted, and noted', async (t) => {
  const harness = makeHarness(t);
  const { ran } = await holdUp(harness, [handlers, 'open', every(500), '2000', '1']);
  const { stdout, result } = ran;
  const interrupted = Number(/ failed (\d+)/.exec(stdout)?.[1]);
  t.true(interrupted > 0, stdout);
  t.is(result?.enforcement.interrupted, interrupted);
  t.true(result?.enforcement.notes.some((note) => note.startsWith(`signals interrupted ${interrupted} call`)));
  harness.assertNothingLeft();
});

for (const how of ['restart', 'interrupt']) {
  test(`a call that is made again after a signal is counted once (${how})`, async (t) => {
    const harness = makeHarness(t);
    const { stdout, result } = await harness.run(['--kmem', '1M', '--', signals, how, every(200), '2000', '99999']);
    const counts = countsOf(stdout);
    const denied = sum(counts, 'failed') - sum(counts, 'interrupted');
    t.true(alarmsOf(counts) > 0);
    t.true(denied > 1000);
    t.is(result?.kmem.failcnt, denied);
    t.is(
      result?.failureCounts.reduce((total, { count }) => total + count, 0),
      denied,
    );
    harness.assertNothingLeft();
  });
}

test('a helper that stands still for a second: the run waits for it, and goes on', async (t) => {
  const harness = makeHarness(t);
  const script = 'for i in 1 2 3 4 5 6 7 8 9 10; do /bin/true || exit 9; sleep 0.05; done; echo done';
  const running = harness.start(['--kmem', '64M', '--', 'sh', '-c', script]);
  const helper = await supervisorOf(running.pid);
  await descendant(running.pid, 'sleep');
  process.kill(helper, 'SIGSTOP');
  await sleep(1000);
  process.kill(helper, 'SIGCONT');
  const { status, stdout, result } = await running.ended;
  t.is(status, 0);
  t.is(stdout, 'done\n');
  t.is(result?.outcome, 'passed');
  t.is(result?.terminationReason, null);
  t.is(result?.kmem.failcnt, 0);
  t.true((result?.durations.wallMs ?? 0) >= 1000);
  harness.assertNothingLeft();
});

/** The helper may have exited by then. */
function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It has ended.
  }
}
