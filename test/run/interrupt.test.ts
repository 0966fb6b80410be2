import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { until } from '../cgroup/sandbox.ts';
import { bin, makeHarness } from '../harness.ts';

function sh(line: string) {
  return ['--', 'sh', '-c', line];
}

/** Up, with a child and a daemon, and does not end soon. */
const BUSY = 'setsid sleep 300 & touch up; sleep 300';

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
  ['SIGQUIT', 131],
] as const) {
  test.serial(`${signal} ends the run, which is torn down and reported`, async (t) => {
    const harness = makeHarness(t);
    const running = harness.start(['--kmem', '4M', '--then', 'touch second', ...sh(BUSY)]);
    await until(() => harness.has('up'));
    running.signal(signal);
    const ran = await running.ended;
    t.is(ran.status, status);
    t.is(ran.signal, null);
    t.is(ran.result?.outcome, 'interrupted');
    t.is(ran.result?.terminationReason, 'interrupted');
    t.deepEqual(ran.result?.exit, { code: null, signal: 'SIGTERM' });
    t.true((ran.result?.kmem.maxUsage ?? 0) > 0);
    t.is(ran.result?.steps.length, 1);
    t.regex(ran.stderr, /^kmem-run: .*interrupted/);
    t.regex(ran.stderr, /\n {2}kmem +peak /);
    t.false(harness.has('second'));
    harness.assertNothingLeft();
  });
}

for (const program of ['getent', 'id'])
  test.serial(
    `a signal that also kills ${program} interrupts the run, and the user is not called unknown`,
    async (t) => {
      const harness = makeHarness(t);
      const programs = harness.path('programs');
      mkdirSync(programs);
      writeFileSync(join(programs, program), '#!/bin/sh\nkill -INT $PPID\nkill -INT $$\n', { mode: 0o755 });
      const env = { PATH: `${programs}:${process.env.PATH}` };
      const ran = await harness.run(['--user', 'nobody', ...sh('touch started')], { env });
      t.is(ran.status, 130, ran.stderr);
      t.is(ran.result?.outcome, 'interrupted');
      t.false(harness.has('started'));
      t.notRegex(ran.stderr, /--user/);
      harness.assertNothingLeft();
    },
  );

test.serial('the program has its grace period, and a second signal cuts it short', async (t) => {
  const harness = makeHarness(t);
  const line = 'trap "touch heard" TERM; touch up; while :; do sleep 0.05; done';
  const running = harness.start(['--grace', '1h', ...sh(line)]);
  await until(() => harness.has('up'));
  running.signal('SIGINT');
  await until(() => harness.has('heard'));
  running.signal('SIGINT');
  const ran = await running.ended;
  t.is(ran.status, 130);
  t.deepEqual(ran.result?.exit, { code: null, signal: 'SIGKILL' });
  t.is(ran.result?.outcome, 'interrupted');
  harness.assertNothingLeft();
});

test.serial('the first signal decides the status', async (t) => {
  const harness = makeHarness(t);
  const line = 'trap "touch heard" TERM; touch up; while :; do sleep 0.05; done';
  const running = harness.start(['--grace', '1h', ...sh(line)]);
  await until(() => harness.has('up'));
  running.signal('SIGTERM');
  await until(() => harness.has('heard'));
  running.signal('SIGINT');
  t.is((await running.ended).status, 143);
  harness.assertNothingLeft();
});

test.serial('the program’s exit code in its grace period is kept', async (t) => {
  const harness = makeHarness(t);
  const line = 'trap "touch cleaned; exit 5" TERM; touch up; while :; do sleep 0.05; done';
  const running = harness.start(['--grace', '50s', ...sh(line)]);
  await until(() => harness.has('up'));
  running.signal('SIGTERM');
  const ran = await running.ended;
  t.is(ran.status, 143);
  t.deepEqual(ran.result?.exit, { code: 5, signal: null });
  t.true(harness.has('cleaned'));
});

test.serial('an interrupt before the command is handed over prevents its start', async (t) => {
  const harness = makeHarness(t);
  const running = harness.start(['--kmem', '4M', '--hold', '1h', ...sh('touch up')]);
  // As soon as a group exists, which is created before the command.
  await until(() => harness.whatIsLeft().some((what) => what.startsWith('cgroup ')));
  running.signal('SIGTERM');
  const ran = await running.ended;
  t.is(ran.status, 143);
  t.is(ran.result?.outcome, 'interrupted');
  harness.assertNothingLeft();
});

test.serial('the program starts with no signal ignored or blocked', async (t) => {
  const { run } = makeHarness(t);
  const { stdout } = await run(['--kmem', '4M', '--', 'grep', '-E', 'Sig(Ign|Blk):', '/proc/self/status']);
  t.deepEqual(
    stdout
      .trim()
      .split('\n')
      .map((line) => Number.parseInt(line.split('\t')[1] ?? '', 16)),
    [0, 0],
  );
});

test.serial('Ctrl-C at a terminal reaches the program, and the run is torn down and reported', async (t) => {
  const harness = makeHarness(t);
  const inner = 'trap ": > interrupted" INT; trap "exit 9" TERM; touch up; while :; do sleep 0.05; done';
  const line = `${process.execPath} ${bin} --json result.json -- sh -c '${inner}'`;
  const until = (file: string) => `while [ ! -e ${file} ]; do sleep 0.05; done`;
  const typed = `${until('up')}; printf '\\003'; ${until('result.json')}`;
  const running = harness.startProgram(['sh', '-c', `(${typed}) | script -qec "$0" /dev/null`, line]);
  t.regex((await running.ended).stdout, /kmem-run: .*interrupted/);
  const result = JSON.parse(harness.read('result.json'));
  t.is(result.outcome, 'interrupted');
  t.deepEqual(result.exit, { code: 9, signal: null });
  t.true(harness.has('interrupted'));
  harness.assertNothingLeft();
});
