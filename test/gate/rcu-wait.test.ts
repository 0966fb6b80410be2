/** Memory of exited processes stays charged until an RCU grace period has passed: a limit must not depend on speed. */

import { writeFileSync } from 'node:fs';
import test from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { lenient } from '../needs.ts';

const ONE_AT_A_TIME = 'i=0; while [ $i -lt 200 ]; do /bin/true || exit 1; i=$((i+1)); done';

test('two hundred processes, one alive at a time, pass where two of them have room', async (t) => {
  const harness = makeHarness(t);
  const script = harness.path('one-at-a-time.sh');
  writeFileSync(script, ONE_AT_A_TIME);
  const run = (wait: string) =>
    harness.run(['--kmem', '256K', '--rcu-wait', wait, '--timeout', lenient(60), '--', 'dash', script]);
  const waiting = await run('on');
  t.is(waiting.status, 0, waiting.stderr);
  t.is(waiting.result?.kmem.failcnt, 0);
  const waits = waiting.result?.enforcement.rcuWaits;
  t.true((waits?.count ?? 0) > 0 && (waits?.waitedMs ?? 0) > 0);
  const hasty = await run('off');
  t.not(hasty.status, 0);
  t.is(hasty.result?.enforcement.rcuWaits, null);
  harness.assertNothingLeft();
});

test('a fork that joins the wait of a smaller call gets a wait of its own', async (t) => {
  const harness = makeHarness(t);
  const command = [compileFixture('ended-beside'), '300'];
  const { stdout, result } = await harness.run(['--kmem', '400K', '--timeout', lenient(60), '--', ...command]);
  t.is(stdout, '0\n');
  t.is(result?.kmem.failcnt, 0);
  harness.assertNothingLeft();
});
