/** When a run is over: what a daemon does after its launcher has exited belongs to the run. */

import { writeFileSync } from 'node:fs';
import anyTest from 'ava';
import { makeHarness } from '../harness.ts';
import { lenient } from '../needs.ts';

const test = anyTest.serial;

function sh(line: string) {
  return ['--', 'sh', '-c', line];
}

/** In its own session, without any of its parent's streams: its launcher exits at once. */
function daemon(line: string) {
  return sh(`(setsid sh -c '${line}' </dev/null >/dev/null 2>&1 &)`);
}

/** Forks until the gate denies it, some time after the launcher has exited; dash exits with 2 on a denied fork. */
const DENIED = 'sleep 0.2; for i in 1 2 3 4 5 6 7 8 9; do sleep 300 & done; sleep 300';

/** Fills its group with pipes; when told to stop it makes some more, and reports this. */
const server = `
import os, signal, sys, time
def bye(*_):
    held = [os.pipe() for _ in range(600)]
    open('bye', 'w').write('bye')
    os._exit(3)
if os.fork(): sys.exit()
os.setsid()
signal.signal(signal.SIGTERM, bye)
held = []
try:
    while True: held.append(os.pipe())
except OSError: held.pop()
while True: time.sleep(60)
`;

test('denials of a daemon after its launcher has exited are named and count for the launcher’s step', async (t) => {
  const harness = makeHarness(t);
  const { status, stderr, result } = await harness.run(['--kmem', '400K', ...daemon(DENIED)]);
  t.is(status, 0, stderr);
  t.true((result?.kmem.failcnt ?? 0) > 0);
  t.is(result?.steps[0]?.failcnt, result?.kmem.failcnt);
  t.is(result?.steps[0]?.kmemMaxUsage, result?.kmem.maxUsage);
  t.true((result?.kmem.maxUsage ?? 0) > 300 * 1024);
  t.true((result?.failures.length ?? 0) > 0);
  t.true(result?.failures.every(({ step }) => step === 0));
  t.like(result?.ending, { rule: 'quiet', reason: 'quiet' });
  t.true((result?.ending?.waitedMs ?? 0) >= 500);
  t.like(result?.orphans[0], { comm: 'sh', exit: { code: 2, signal: null } });
  t.regex(
    stderr,
    /^kmem-run: passed, although the gate denied (it|sh( and sleep)?|sleep( and sh)?) \d+ allocations?, and sh \(\d+\) exited with 2/m,
  );
  t.regex(stderr, /^ {2}died +sh \(\d+\) exited with 2$/m);
  t.regex(stderr, /^ {2}left over +sleep \(\d+( processes)?\) (was|were) running and quiet for 500 ms; stopped$/m);
  harness.assertNothingLeft();
});

test('denials count for the step in progress, and the steps add up to the total', async (t) => {
  const harness = makeHarness(t);
  const more = 'for i in 1 2 3 4 5 6 7 8 9; do sleep 300 & done';
  const steps = ['--client', 'sleep 0.7', '--then', more];
  const { result } = await harness.run(['--kmem', '400K', ...steps, ...daemon(DENIED)]);
  const [first, client, last] = result?.steps ?? [];
  t.is(first?.failcnt, 0);
  t.true((client?.failcnt ?? 0) > 0, 'what the daemon of the step before is denied meanwhile');
  t.true((client?.kmemMaxUsage ?? 0) > (first?.kmemMaxUsage ?? Number.POSITIVE_INFINITY));
  t.true((last?.failcnt ?? 0) > 0);
  t.is((client?.failcnt ?? 0) + (last?.failcnt ?? 0), result?.kmem.failcnt ?? -1);
  t.deepEqual([...new Set(result?.failures.map(({ step }) => step))], [1, 2]);
  harness.assertNothingLeft();
});

test('an empty group is not waited for', async (t) => {
  const harness = makeHarness(t);
  const { result } = await harness.run(['--quiet-for', '1h', '--quiet-limit', '1h', '--', 'true']);
  t.like(result?.ending, { rule: 'quiet', reason: 'empty' });
  t.deepEqual(result?.leftover, []);
});

test('a process about to exit is not a daemon', async (t) => {
  const harness = makeHarness(t);
  const { result } = await harness.run([...daemon('sleep 0.2')]);
  t.like(result?.ending, { rule: 'quiet', reason: 'empty' });
  t.deepEqual(result?.leftover, []);
});

test('a daemon that is never quiet is stopped at the limit, and the report says so', async (t) => {
  const harness = makeHarness(t);
  const busy = daemon('while :; do sleep 0.1; done');
  const { status, stderr, result } = await harness.run(['--quiet-limit', '1200ms', ...busy]);
  t.is(status, 0);
  t.like(result?.ending, { rule: 'quiet', reason: 'limit' });
  t.regex(stderr, /^ {2}left over +.* still busy after 1\.\d+ s; stopped$/m);
  harness.assertNothingLeft();
});

test('the time limit shortens the wait without failing the run', async (t) => {
  const harness = makeHarness(t);
  const options = ['--timeout', '700ms', '--quiet-for', '1h', '--quiet-limit', '1h'];
  const { status, result } = await harness.run([...options, ...daemon('sleep 300')]);
  t.is(status, 0);
  t.like(result, { outcome: 'passed', terminationReason: null, ending: { rule: 'quiet', reason: 'limit' } });
  harness.assertNothingLeft();
});

test('leftover processes are told to end; from then on nothing is denied or counted', async (t) => {
  const harness = makeHarness(t);
  writeFileSync(harness.path('server.py'), server);
  const { result } = await harness.run(['--kmem', '2M', '--', '/usr/bin/python3', 'server.py']);
  t.like(result?.ending, { reason: 'quiet' });
  t.true((result?.kmem.failcnt ?? 0) > 0);
  t.is(harness.read('bye'), 'bye');
  t.deepEqual(result?.orphans, []);
  t.is(
    result?.failureCounts.reduce((sum, { count }) => sum + count, 0),
    result?.kmem.failcnt ?? -1,
  );
  harness.assertNothingLeft();
});

test('a process that ignores SIGTERM is killed after the grace period', async (t) => {
  const harness = makeHarness(t);
  const { status, result } = await harness.run([
    '--grace',
    '200ms',
    ...daemon('trap "" TERM; while :; do read x; done < /dev/zero'),
  ]);
  t.is(status, 0);
  t.is(result?.outcome, 'passed');
  harness.assertNothingLeft();
});

test('a daemon killed by a signal is named with that signal', async (t) => {
  const harness = makeHarness(t);
  const { status, stderr, result } = await harness.run(['--kmem', '4M', ...daemon('sleep 0.2; kill -SEGV $$')]);
  t.is(status, 0);
  t.like(result?.orphans, [{ comm: 'sh', exit: { code: null, signal: 'SIGSEGV' } }]);
  t.like(result?.ending, { reason: 'empty' });
  t.regex(stderr, /^kmem-run: passed, although sh \(\d+\) died of SIGSEGV: /m);
});

test('--hold counts from the last step and includes the wait for quiet', async (t) => {
  const harness = makeHarness(t);
  const hold = ['--hold', '900ms', '--quiet-for', '100ms', '--timeout', lenient(30)];
  const { result } = await harness.run([...hold, ...daemon('sleep 300')]);
  t.like(result?.ending, { rule: 'quiet', reason: 'quiet' });
  const waitedMs = result?.ending?.waitedMs ?? 0;
  t.true(waitedMs >= 899, String(waitedMs));
  harness.assertNothingLeft();
});

test('interrupting the wait interrupts the run', async (t) => {
  const harness = makeHarness(t);
  const options = ['--quiet-for', '1h', '--quiet-limit', '1h', '--then', 'touch done'];
  const running = harness.start([...options, ...daemon('sleep 300')]);
  while (!harness.has('done')) await new Promise((resolve) => setTimeout(resolve, 20));
  running.signal('SIGTERM');
  const { status, result } = await running.ended;
  t.is(status, 143);
  t.like(result, { outcome: 'interrupted', terminationReason: 'interrupted' });
  t.is(result?.ending?.reason ?? null, null);
  harness.assertNothingLeft();
});
