/** The command itself removes the group whose counter the gate reads, after leaving it. */

import { writeFileSync } from 'node:fs';
import test from 'ava';
import { stateOf, version } from '../cgroup/sandbox.ts';
import { makeHarness } from '../harness.ts';
import { lenient, where } from '../needs.ts';

/** Removes the memory controller's directory: on cgroup v2 the helper's own leaf keeps the group in place. */
const SCRIPT = `
own=$(grep -m1 ':memory:' /proc/self/cgroup | cut -d: -f3)
root=$(findmnt -n -o TARGET -t cgroup -O memory | head -1)
[ -z "$1" ] || echo $$ > "$1/cgroup.procs"
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
  t.regex(ran.result?.enforcement.notes.join('\n') ?? '', /could no longer be read/);
  harness.assertNothingLeft();
});

/** It stays alive even if its calls fail; it is in none of the run's groups, where it would be killed with the rest. */
const STAYING = `${SCRIPT.slice(0, SCRIPT.indexOf('exec '))}
echo $$ > pid
while :; do sleep 0.1 || true; done`;

where(
  version === 1,
  'cgroup v1',
  test,
)('what has left every group is ended with the run', async (t) => {
  const harness = makeHarness(t);
  const script = harness.path('stay.sh');
  writeFileSync(script, STAYING);
  const { unified } = harness.sandbox;
  const ran = await harness.run(['--kmem', '1M', '--timeout', lenient(30), '--', 'sh', script, `${unified}`]);
  t.is(ran.status, 125, ran.stderr);
  t.is(ran.result?.terminationReason, 'gate-lost');
  t.regex(ran.result?.enforcement.notes.join('\n') ?? '', /kmem-run killed 1 process that had left the group/);
  if (harness.has('pid')) t.is(stateOf(Number(harness.read('pid'))), null);
  harness.assertNothingLeft();
});

const LEAVING = `
dash -c 'echo 0 > "$0/cgroup.procs"; echo 0 > "$1/tasks"; while :; do : < /dev/null; done' "$0" "$1" &
sleep 60 &
sleep 0.3`;

where(
  version === 1,
  'cgroup v1',
  test,
)('a run whose group is removed at its end has lost no counter, whoever still makes calls elsewhere', async (t) => {
  const harness = makeHarness(t);
  const { unified, memory } = harness.sandbox;
  for (let i = 0; i < 5; i++) {
    const shell = ['sh', '-c', LEAVING, `${unified}`, memory];
    const ran = await harness.run(['--kmem', '8M', '--wait', 'exit', '--', ...shell]);
    t.is(ran.status, 0, ran.stderr);
    t.is(ran.result?.terminationReason, null);
  }
  harness.assertNothingLeft();
});
