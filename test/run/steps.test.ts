import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import { nestedGroups, pidsIn } from '../../src/cgroup/nested.ts';
import { groupsIn, until } from '../cgroup/sandbox.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { lenient } from '../needs.ts';

function sh(line: string) {
  return ['--', 'sh', '-c', line];
}

/** A proper daemon: forked twice, in its own session, with none of its parent's streams. */
function daemon(line: string) {
  return `(setsid sh -c '${line}' </dev/null >/dev/null 2>&1 &)`;
}

test.serial('all steps run, in order, also after a failure', async (t) => {
  const harness = makeHarness(t);
  const steps = ['--then', 'echo 1 >> log; exit 9', '--then', 'echo 2 >> log', '--then', 'echo 3 >> log'];
  const ran = await harness.run(['--kmem', '4M', ...steps, ...sh('echo 0 > log; exit 8')]);
  t.is(ran.status, 8);
  t.is(harness.read('log'), '0\n1\n2\n3\n');
  t.deepEqual(
    ran.result?.steps.map(({ command, exit }) => [command, exit.code]),
    [
      ["sh -c 'echo 0 > log; exit 8'", 8],
      ['echo 1 >> log; exit 9', 9],
      ['echo 2 >> log', 0],
      ['echo 3 >> log', 0],
    ],
  );
  harness.assertNothingLeft();
});

test.serial('steps run in the command’s group, under its limit, with its environment', async (t) => {
  const harness = makeHarness(t);
  const show = 'cat /proc/self/cgroup; echo $SHARED; pwd';
  const ran = await harness.run(['--kmem', '4M', '--env', 'SHARED=yes', '--then', show, ...sh(show)]);
  const half = ran.stdout.length / 2;
  t.is(ran.stdout.slice(0, half), ran.stdout.slice(half));
  t.regex(ran.stdout, new RegExp(`(memory|0:):.*/kmem-run\\.${ran.result?.id}(/run)?\\n`));
  harness.assertNothingLeft();
});

test.serial('stdin is the command’s: a step reads /dev/null', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--then', 'readlink /proc/self/fd/0; cat', ...sh('read first; echo $first')], {
    input: 'one\ntwo\n',
  });
  t.is(ran.stdout, 'one\n/dev/null\n');
});

test.serial('what a step uses is told step by step', async (t) => {
  const harness = makeHarness(t);
  const storm = compileFixture('denial-storm');
  const { result } = await harness.run(['--kmem', '1M', '--then', `exec ${storm} 0.1`, '--', 'true']);
  const [first, second] = result?.steps ?? [];
  t.is(first?.failcnt, 0);
  t.true((second?.failcnt ?? 0) > 0);
  t.is(second?.failcnt, result?.kmem.failcnt);
  t.true((first?.kmemMaxUsage ?? 0) > 0);
  t.true((second?.kmemMaxUsage ?? 0) > (first?.kmemMaxUsage ?? 0));
  t.is(second?.kmemMaxUsage, result?.kmem.maxUsage);
  t.true((second?.atMs ?? 0) >= (first?.wallMs ?? Number.NaN));
  t.true(result?.failures.every(({ step }) => step === 1));
  harness.assertNothingLeft();
});

test.serial('--wait exit: what is left is named and killed', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--kmem', '4M', '--wait', 'exit', ...sh(`${daemon('sleep 300')}; sleep 0.2`)]);
  t.is(ran.status, 0);
  t.true(ran.result?.leftover.some(({ comm }) => comm === 'sleep'));
  t.regex(ran.stderr, /left over +.*sleep.* running; killed/);
  t.deepEqual(ran.result?.ending, {
    rule: 'exit',
    reason: 'exit',
    waitedMs: ran.result?.ending?.waitedMs ?? Number.NaN,
  });
  harness.assertNothingLeft();
});

test.serial('--wait empty: the run lasts as long as its last daemon', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--kmem', '4M', '--wait', 'empty', ...sh(daemon('sleep 0.7; touch finished'))]);
  t.is(ran.status, 0);
  t.true(harness.has('finished'));
  t.deepEqual(ran.result?.leftover, []);
  harness.assertNothingLeft();
});

test.serial('--wait empty waits after the last step, not between steps', async (t) => {
  const harness = makeHarness(t);
  const line = daemon('while [ ! -e stop ]; do sleep 0.05; done; touch finished');
  const ran = await harness.run(['--wait', 'empty', '--timeout', lenient(40), '--then', 'touch stop', ...sh(line)]);
  t.is(ran.status, 0);
  t.true(harness.has('finished'));
});

test.serial('--hold keeps the group after the last step', async (t) => {
  const harness = makeHarness(t);
  const running = harness.start(['--kmem', '4M', '--hold', '1h', '--then', 'touch done', '--', 'true']);
  await until(() => harness.has('done'));
  const [group = ''] = groupsIn(harness.sandbox);
  await until(() => [group, ...nestedGroups(group)].flatMap(pidsIn).length === 0);
  // Long enough for a teardown that does not wait.
  await sleep(200);
  t.deepEqual(groupsIn(harness.sandbox), [group]);
  running.signal('SIGTERM');
  const { status, result } = await running.ended;
  t.is(status, 143);
  t.is(group.endsWith(`kmem-run.${result?.id}`), true);
  harness.assertNothingLeft();
});

test.serial('--hold of a short time ends by itself', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--hold', '100ms', '--', 'true']);
  t.is(ran.result?.outcome, 'passed');
  harness.assertNothingLeft();
});
