/** What is left over when a run ends, without processes that are about to exit. */

import test from 'ava';
import { makeHarness } from '../harness.ts';

test.serial('a process that exits with its parent is not left over', async (t) => {
  const harness = makeHarness(t);
  // The reader sees the end of its input only when the shell has exited.
  const script = 'rm -f ends; mkfifo ends; sh -c "cat; true" < ends & exec 3> ends';
  const options = ['--wait', 'exit', '--expect', 'leftover.length==0'];
  for (let round = 0; round < 10; round += 1) {
    const ran = await harness.run([...options, '--', 'sh', '-c', script]);
    t.is(ran.status, 0, ran.stderr);
    t.deepEqual(ran.result?.leftover, []);
  }
  harness.assertNothingLeft();
});

test.serial('a daemon is left over', async (t) => {
  const harness = makeHarness(t);
  const ran = await harness.run(['--wait', 'exit', '--', 'sh', '-c', 'sleep 1000 & true']);
  t.deepEqual(
    ran.result?.leftover.map(({ comm }) => comm),
    ['sleep'],
  );
  harness.assertNothingLeft();
});
