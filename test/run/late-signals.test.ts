/** Signals to kmem-run after the command has ended: the result exists and is the command's. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { constants } from 'node:os';
import anyTest, { type ExecutionContext } from 'ava';
import { stateOf, until } from '../cgroup/sandbox.ts';
import { makeHarness, signalUntilEnded } from '../harness.ts';
import { validateResult } from '../validate-result.ts';

const test = anyTest.serial;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'] as const;

for (const name of [...SIGNALS, 'SIGPIPE'] as const) {
  test(`repeated ${name} from the command’s end to kmem-run’s loses no result`, async (t) => {
    const harness = makeHarness(t);
    const options = ['--quiet', '--kmem', '4M', '--trace-gate', 'trace', '--output', 'output'];
    const running = harness.start([...options, '--', 'sh', '-c', 'echo $$ > command; echo written; exit 7']);
    await until(() => harness.has('command') && harness.read('command') !== '');
    const command = Number(harness.read('command'));
    await until(() => stateOf(command) === null);
    const { status, signal, result } = await signalUntilEnded(running, name);
    t.is(signal, null);
    t.deepEqual(result?.exit, { code: 7, signal: null });
    // kmem-run may learn of the signal before it learns of the command's end.
    const interrupted = name !== 'SIGPIPE' && result?.outcome === 'interrupted';
    t.is(status, interrupted ? 128 + constants.signals[name] : 7);
    t.is(harness.read('output'), 'written\n');
    // Whole lines.
    for (const call of harness.read('trace').trim().split('\n')) t.truthy(JSON.parse(call));
    harness.assertNothingLeft();
  });
}

/** Leaves a daemon that SIGTERM does not end: kmem-run waits for it during the grace period when the run is over. */
const DAEMON = `(trap 'touch told' TERM; touch up; while [ ! -e go ]; do sleep 0.05; done) &
while [ ! -e up ]; do sleep 0.01; done
exit 7`;

function leaveDaemon(t: ExecutionContext) {
  const harness = makeHarness(t);
  const args = ['--quiet', '--kmem', '8M', '--quiet-limit', '50ms', '--grace', '1h', '--', 'sh', '-c', DAEMON];
  return { harness, running: harness.start(args) };
}

for (const name of ['SIGINT', 'SIGTERM'] as const) {
  test(`${name} in the grace period of leftovers: the result is that of the steps`, async (t) => {
    const { harness, running } = leaveDaemon(t);
    await until(() => harness.has('told'));
    running.signal(name);
    writeFileSync(harness.path('go'), '');
    const { status, result } = await running.ended;
    t.is(status, 7);
    t.is(result?.outcome, 'failed');
    t.is(result?.terminationReason, null);
    harness.assertNothingLeft();
  });
}

test('a second signal ends the grace period of leftovers, and the result is that of the steps', async (t) => {
  const { harness, running } = leaveDaemon(t);
  await until(() => harness.has('told'));
  const { status, result } = await signalUntilEnded(running, 'SIGTERM');
  t.is(status, 7);
  t.is(result?.outcome, 'failed');
  harness.assertNothingLeft();
});

test('a signal ends the wait for a --json reader, and the result is saved elsewhere', async (t) => {
  const harness = makeHarness(t);
  execFileSync('mkfifo', [harness.path('pipe')]);
  const command = ['--', 'sh', '-c', 'touch done; exit 7'];
  const running = harness.start(['--quiet', '--kmem', '4M', '--json', 'pipe', ...command], { json: false });
  // Its group is gone: only the report remains to be done.
  await until(() => harness.has('done') && !harness.whatIsLeft().some((what) => what.startsWith('cgroup ')));
  const { status, stderr } = await signalUntilEnded(running, 'SIGTERM');
  t.is(status, 125);
  t.regex(
    stderr,
    /^kmem-run: the result cannot be written to .*: interrupted, and it has no reader; the result is in /,
  );
  const [file = ''] = readdirSync(harness.folder).filter((each) => each.startsWith('kmem-run-'));
  const { outcome, exit } = validateResult(JSON.parse(readFileSync(harness.path(file), 'utf8')));
  t.is(outcome, 'failed');
  t.is(exit.code, 7);
  harness.assertNothingLeft();
});

for (const [what, args] of Object.entries({
  sweep: ['sweep', '--kmem', '4M', '--repeat', '1', '--store', 'store.sqlite', '--json', 'pipe', '--', 'true'],
  scenario: ['scenario', 'run', 'one.yaml', '--format', 'json', '--output', 'pipe'],
})) {
  test(`signals while ${what} reports change neither its report nor its status`, async (t) => {
    const harness = makeHarness(t);
    execFileSync('mkfifo', [harness.path('pipe')]);
    writeFileSync(harness.path('one.yaml'), 'description: One run.\nsteps:\n  - run: ["true"]\n');
    const running = harness.start(args, { json: false });
    // If kmem-run never opens it, the reader must not wait for ever.
    void running.ended.then(() => open(harness.path('pipe'), 'r+')).then((writer) => writer.close());
    // Opens once kmem-run has opened it for writing.
    const reader = await open(harness.path('pipe'));
    const [ran, report] = await Promise.all([signalUntilEnded(running, 'SIGTERM'), reader.readFile('utf8')]);
    await reader.close();
    t.is(ran.status, 0, ran.stderr);
    t.is(JSON.parse(report).status, 'done');
    harness.assertNothingLeft();
  });
}
