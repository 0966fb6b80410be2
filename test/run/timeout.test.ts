import test, { type ExecutionContext } from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { type Harness, makeHarness, type Ran } from '../harness.ts';
import { lenient } from '../needs.ts';

function sh(line: string) {
  return ['--', 'sh', '-c', line];
}

function assertTimedOut(t: ExecutionContext, harness: Harness, ran: Ran): void {
  t.is(ran.status, 124, ran.stderr);
  t.is(ran.result?.outcome, 'timeout');
  t.is(ran.result?.terminationReason, 'walltime');
  harness.assertNothingLeft();
}

test.serial('a command that takes too long gets SIGTERM', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--kmem', '4M', '--timeout', '300ms', '--', 'sleep', '300']);
  assertTimedOut(t, harness, ran);
  t.deepEqual(ran.result?.exit, { code: null, signal: 'SIGTERM' });
});

test.serial('the command may end within the grace period and keeps its exit status', async (t) => {
  const harness = makeHarness(t);
  const line = 'trap "sleep 0.3; touch cleaned; exit 7" TERM; while :; do sleep 0.05; done';
  const ran = await harness.run(['--timeout', '300ms', '--grace', '50s', ...sh(line)]);
  assertTimedOut(t, harness, ran);
  t.deepEqual(ran.result?.exit, { code: 7, signal: null });
  t.true(harness.has('cleaned'));
});

test.serial('clean-up processes of the command are not terminated', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--timeout', '300ms', '--grace', '50s', '--', compileFixture('clean-up')]);
  assertTimedOut(t, harness, ran);
  t.is(ran.stdout, 'up\n');
  t.deepEqual(ran.result?.exit, { code: 0, signal: null });
});

test.serial('a command ignoring SIGTERM is killed after the grace period', async (t) => {
  const harness = makeHarness(t);
  const line = 'trap "" TERM; while :; do sleep 0.05; done';
  const ran = await harness.run(['--timeout', '300ms', '--grace', '200ms', ...sh(line)]);
  assertTimedOut(t, harness, ran);
  t.deepEqual(ran.result?.exit, { code: null, signal: 'SIGKILL' });
});

test.serial('--grace 0 does not wait', async (t) => {
  const harness = makeHarness(t);
  const line = 'trap "" TERM; while :; do sleep 0.05; done';
  assertTimedOut(t, harness, await harness.run(['--timeout', '300ms', '--grace', '0', ...sh(line)]));
});

test.serial('a stopped command receives SIGTERM as well', async (t) => {
  const harness = makeHarness(t);
  const line = 'trap "touch heard; exit 0" TERM; kill -STOP $$; sleep 300';
  const ran = await harness.run(['--timeout', '300ms', '--grace', '50s', ...sh(line)]);
  assertTimedOut(t, harness, ran);
  t.true(harness.has('heard'));
});

test.serial('processes that left the session are ended too', async (t) => {
  const harness = makeHarness(t);
  const line =
    'setsid sh -c "trap \\"touch heard; exit\\" TERM; touch up; while :; do sleep 0.05; done" & while :; do sleep 0.05; done';
  const ran = await harness.run(['--timeout', '500ms', '--grace', '5s', ...sh(line)]);
  assertTimedOut(t, harness, ran);
  t.true(harness.has('up'));
  t.true(harness.has('heard'));
});

test.serial('after a timeout in a further step, no later step is started', async (t) => {
  const harness = makeHarness(t);
  const steps = ['--then', 'touch second; sleep 300', '--then', 'touch third'];
  const ran = await harness.run(['--kmem', '4M', '--timeout', lenient(3), ...steps, '--', 'true']);
  assertTimedOut(t, harness, ran);
  t.is(ran.result?.steps.length, 2);
  t.deepEqual(ran.result?.steps[1]?.exit, { code: null, signal: 'SIGTERM' });
  t.true(harness.has('second'));
  t.false(harness.has('third'));
});

test.serial('ends the hold', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--timeout', '300ms', '--hold', '1h', '--', 'true']);
  assertTimedOut(t, harness, ran);
  t.deepEqual(ran.result?.exit, { code: 0, signal: null });
});

test.serial('ends the wait for an empty group', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--timeout', '300ms', '--wait', 'empty', ...sh('sleep 300 &')]);
  assertTimedOut(t, harness, ran);
});

test.serial('overrides an expectation', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--timeout', '300ms', '--expect', 'exit!=0', '--', 'sleep', '300']);
  assertTimedOut(t, harness, ran);
});

test.serial('a run that ends in time is not affected', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--timeout', '1h', '--', 'true']);
  t.is(ran.status, 0);
  t.is(ran.result?.terminationReason, null);
  t.is(ran.result?.spec.timeoutMs, 3_600_000);
});

test.serial('a fork bomb is ended after its grace period', async (t) => {
  const harness = makeHarness(t);
  const bomb = 'trap "" TERM; bomb() { bomb | bomb & }; bomb; while :; do :; done';
  const ran = await harness.run(['--kmem', '4M', '--timeout', '3s', '--grace', '300ms', ...sh(bomb)]);
  assertTimedOut(t, harness, ran);
  t.true((ran.result?.kmem.failcnt ?? 0) > 0);
});
