/** Processes outside the group when no BPF program watches: kmem-run looks up where they are. */

import { mkdirSync, rmdirSync } from 'node:fs';
import { constants } from 'node:os';
import test from 'ava';
import { version } from '../cgroup/sandbox.ts';
import { underSeccomp } from '../doctor/machine.ts';
import { makeHarness } from '../harness.ts';

const JOIN = version === 1 ? 'tasks' : 'cgroup.procs';
const WITHOUT_PROGRAMS = underSeccomp('deny', 'bpf', `${constants.errno.EPERM}`);

test.serial('a process outside is reported, with the cause of its move unknown', async (t) => {
  const harness = makeHarness(t);
  const elsewhere = `${harness.sandbox.memory}/elsewhere`;
  mkdirSync(elsewhere);
  const script =
    '(echo 0 > "$0" && echo > moved && exec sleep 1000) & echo $!; until [ -e moved ]; do sleep 0.02; done';
  for (const mode of ['gate', 'none']) {
    const options = ['--kmem', '8M', '--enforce', mode, '--', 'sh', '-c', `rm -f moved; ${script}`];
    const ran = await harness.run([...options, `${elsewhere}/${JOIN}`], { under: WITHOUT_PROGRAMS });
    t.is(ran.status, 0, ran.stderr);
    t.false(ran.result?.enforcement.programs?.moves);
    const [first, ...more] = ran.result?.escapes ?? [];
    t.deepEqual(more, []);
    t.like(first, { pid: Number(ran.stdout), by: null, step: 0 });
    t.true(first?.to?.endsWith('/elsewhere'), first?.to ?? '');
    t.regex(ran.stderr, /^kmem-run: .*left the group/);
    t.regex(ran.result?.enforcement.notes.join('\n') ?? '', /\(pid \d+\) was seen outside the group: /);
  }
  rmdirSync(elsewhere);
  harness.assertNothingLeft();
});

test.serial(
  'a run whose processes stay has no escapes: steps, daemons, forks and joiners are in the group',
  async (t) => {
    const harness = makeHarness(t);
    const forks = 'i=0; while [ $i -lt 200 ]; do /bin/true; i=$((i+1)); done; setsid sleep 0.5 & true';
    const steps = ['--then', 'true | true', '--then', forks];
    for (const mode of ['gate', 'none']) {
      const options = ['--kmem', '64M', '--enforce', mode, '--pids', '100', ...steps];
      const ran = await harness.run([...options, '--', 'sh', '-c', forks], { under: WITHOUT_PROGRAMS });
      t.is(ran.status, 0, ran.stderr);
      t.deepEqual(ran.result?.escapes, []);
    }
    harness.assertNothingLeft();
  },
);
