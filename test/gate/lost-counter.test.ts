/** The group whose counter the gate reads is removed by the command itself, which left it before. */

import { writeFileSync } from 'node:fs';
import test from 'ava';
import { version } from '../cgroup/sandbox.ts';
import { makeHarness } from '../harness.ts';
import { lenient, where } from '../needs.ts';

/** It removes the memory controller's directory: on cgroup v2 the helper's own leaf keeps the group there. */
const SCRIPT = `
own=$(grep -m1 ':memory:' /proc/self/cgroup | cut -d: -f3)
root=$(findmnt -n -o TARGET -t cgroup -O memory | head -1)
echo $$ > "$root/tasks"
sleep 0.2
rmdir "$root$own"
exec python3 -c 'import os
made = [os.pipe() for i in range(400)]
print("all of them")'
`;

where(
  version === 1,
  'cgroup v1',
  test,
)('no call is answered, and the run is void', async (t) => {
  const harness = makeHarness(t);
  const script = harness.path('leave.sh');
  writeFileSync(script, SCRIPT);
  const ran = await harness.run(['--kmem', '1M', '--timeout', lenient(30), '--', 'sh', script]);
  t.is(ran.status, 125, ran.stderr);
  t.is(ran.stdout, '');
  t.is(ran.result?.terminationReason, 'gate-lost');
  t.regex(ran.result?.enforcement.notes.join('\n') ?? '', /could not be read any more/);
  harness.assertNothingLeft();
});
