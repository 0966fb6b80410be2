/**
 * SIGKILL of the runner, of the helper, of both, of the guardian, in every phase: nothing keeps running, and the next
 * run cleans up.
 */

import { setTimeout as sleep } from 'node:timers/promises';
import anyTest from 'ava';
import { stateOf, until } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness, type Running } from '../harness.ts';
import { lenient, slowness } from '../needs.ts';
import { guardiansOf, supervisorsOf } from '../processes.ts';

const test = anyTest.serial;

/** From before the helper has started until well into the run; the hand-over takes about 10 ms somewhere in between. */
const DELAYS_MS = [0, 20, 40, 50, 55, 60, 65, 70, 75, 80, 90, 100, 120, 150, 250];
const TIMEOUT_MS = 10_000 * slowness;
const storm = compileFixture('denial-storm');

type Victim = (running: Running) => number[];

const runner: Victim = ({ pid }) => [pid];
const helper: Victim = ({ pid }) => supervisorsOf(pid);
const guardian: Victim = ({ pid }) => guardiansOf(pid);
const victims: Record<string, Victim> = {
  runner,
  helper,
  'runner and helper': (running) => [...runner(running), ...helper(running)],
  'helper and runner': (running) => [...helper(running), ...runner(running)],
  guardian,
};

for (const [name, victim] of Object.entries(victims)) {
  test(`SIGKILL of ${name} at any moment leaves nothing running, and the next run removes the rest`, async (t) => {
    const harness = makeHarness(t);
    for (const delay of DELAYS_MS) {
      const running = harness.start(['--kmem', '2M', '--quiet', '--', 'sh', '-c', 'sleep 60 & sleep 60 & wait']);
      await sleep(delay);
      killAll(victim(running));
      if (victim(running).length === 0 && !name.includes('runner')) running.signal('SIGTERM');
      await running.ended;
      t.deepEqual(await harness.processesLeft(TIMEOUT_MS), [], `${name} after ${delay} ms`);
    }
    const next = await harness.run(['--', 'true']);
    t.is(next.status, 0);
    harness.assertNothingLeft();
  });
}

for (const name of ['runner', 'helper', 'runner and helper', 'guardian']) {
  test(`SIGKILL of ${name} in a storm of denials leaves nothing running`, async (t) => {
    const harness = makeHarness(t);
    const running = harness.start(['--kmem', '400K', '--quiet', '--timeout', lenient(30), '--', storm, '30']);
    const pids = (): number[] => victims[name]?.(running) ?? [];
    // On a busy machine the helper is slow to start.
    while (pids().length === 0) await sleep(5);
    await sleep(700);
    t.true(pids().length > 0);
    killAll(pids());
    const { status, result } = await running.ended;
    t.deepEqual(await harness.processesLeft(TIMEOUT_MS), []);
    if (!name.includes('runner')) {
      t.is(status, 125);
      t.is(result?.terminationReason, 'gate-lost');
      t.is(result?.outcome, 'setup-error');
    }
    await harness.run(['--', 'true']);
    harness.assertNothingLeft();
  });
}

test('SIGKILL of the runner in teardown leaves nothing', async (t) => {
  const harness = makeHarness(t);
  for (const delay of [-60, -30, -15, -8, 0, 8]) {
    const running = harness.start([
      '--kmem',
      '64M',
      '--quiet',
      '--grace',
      '1s',
      '--',
      'sh',
      '-c',
      'trap "" TERM; touch ready; for i in 1 2 3 4 5; do sleep 60 & done; wait',
    ]);
    while (!harness.has('ready')) await sleep(5);
    await sleep(100);
    running.signal('SIGTERM');
    await sleep(1000 + delay);
    killAll([running.pid]);
    await running.ended;
    t.deepEqual(await harness.processesLeft(TIMEOUT_MS), []);
  }
  await harness.run(['--', 'true']);
  harness.assertNothingLeft();
});

test('a stopped helper does not prevent the run’s timeout', async (t) => {
  const harness = makeHarness(t);
  const running = harness.start([
    '--kmem',
    '4M',
    '--timeout',
    '1s',
    '--grace',
    '200ms',
    '--',
    'sh',
    '-c',
    'touch ready; while :; do sleep 0.1; done',
  ]);
  while (!harness.has('ready')) await sleep(5);
  for (const pid of helper(running)) process.kill(pid, 'SIGSTOP');
  const { status, result } = await running.ended;
  // Its totals are lost with it: no value is invented.
  t.is(status, 124);
  t.is(result?.kmem.failcnt, null);
  t.deepEqual(await harness.processesLeft(TIMEOUT_MS), []);
  harness.assertNothingLeft();
});

for (const rule of ['exit', 'empty', 'quiet']) {
  test(`helper and guardian die while kmem-run only waits: --wait ${rule}`, async (t) => {
    const harness = makeHarness(t);
    const running = harness.start([
      ...['--kmem', '4M', '--quiet', '--wait', rule, '--hold', '1h', '--quiet-limit', '1h'],
      // It works constantly, so that the group is never quiet, and ends soon if it is left without a gate.
      ...['--', 'sh', '-c', '(while sleep 0.01; do :; done) & echo $$ > step'],
    ]);
    await until(() => harness.has('step') && harness.read('step') !== '');
    const step = Number(harness.read('step'));
    // The helper has reaped it.
    await until(() => stateOf(step) === null);
    killAll([...helper(running), ...guardian(running)]);
    const { status, result } = await running.ended;
    t.is(status, 125);
    t.is(result?.outcome, 'setup-error');
    t.is(result?.terminationReason, 'gate-lost');
    // The values that only the helper had.
    t.is(result?.kmem.failcnt, null);
    t.deepEqual(await harness.processesLeft(TIMEOUT_MS), []);
    await harness.run(['--', 'true']);
    harness.assertNothingLeft();
  });
}

function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // Gone already.
    }
  }
}
