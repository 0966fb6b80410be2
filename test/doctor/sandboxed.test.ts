/** Under seccomp filters, as in containers and test runners. */

import { constants } from 'node:os';
import test from 'ava';
import { assertRefused } from '../harness.ts';
import { diagnosesOf, doctor, makeMachine, underSeccomp } from './machine.ts';

test.serial(
  'under an ancestor’s listener: doctor reports it, and a run that cannot be enforced does not start',
  async (t) => {
    const machine = makeMachine(t);
    const under = [...machine.alone, ...underSeccomp('listener')];
    const ran = await doctor(machine, ['--json'], { under });
    t.is(ran.status, 1);
    const diagnoses = diagnosesOf(ran);
    t.is(diagnoses.get('listener')?.level, 'missing');
    t.regex(
      diagnoses.get('listener')?.found ?? '',
      /an ancestor of this process already has a seccomp listener \(EBUSY\)/,
    );
    t.regex(diagnoses.get('listener')?.remedy ?? '', /outside that sandbox/);
    t.is(diagnoses.get('counter')?.level, 'ok');
    t.is(diagnoses.get('gate')?.level, 'not-tried');

    const refused = await machine.run(['--kmem', '64M', '--', 'touch', machine.path('marker')], { under });
    t.is(refused.status, 125);
    assertRefused(t, refused, /an ancestor of this process already has a seccomp listener/);
    t.is(refused.result?.error?.code, 'no-listener');
    t.false(machine.has('marker'));
    // Proves that the sandbox did not keep the command from running:
    t.is((await machine.run(['--enforce', 'none', '--', 'touch', machine.path('marker')], { under })).status, 0);
    t.true(machine.has('marker'));
    machine.assertClean();
  },
);

test.serial('each reason for having no listener is named', async (t) => {
  const machine = makeMachine(t);
  const reasons = {
    EPERM: /a sandbox forbids/,
    EACCES: /no_new_privs/,
    ENOSYS: /no seccomp\(2\)/,
    EINVAL: /Linux 5\.0/,
  };
  for (const [errno, reason] of Object.entries(reasons)) {
    const number = `${constants.errno[errno as keyof typeof reasons]}`;
    const under = [...machine.alone, ...underSeccomp('deny', 'seccomp', number)];
    const diagnosis = diagnosesOf(await doctor(machine, ['--json'], { under })).get('listener');
    t.is(diagnosis?.level, 'missing', errno);
    t.regex(diagnosis?.found ?? '', reason);
    t.regex(diagnosis?.found ?? '', new RegExp(errno));
    t.notRegex(diagnosis?.remedy ?? '', /kmem-run doctor/);
  }
});

test.serial('randomisation that cannot be disabled does not hide other problems', async (t) => {
  const machine = makeMachine(t);
  const under = [...machine.alone, ...underSeccomp('deny', 'personality', `${constants.errno.EPERM}`)];
  const ran = await doctor(machine, ['--json'], { under });
  t.is(ran.status, 1);
  const diagnoses = diagnosesOf(ran);
  t.is(diagnoses.get('randomisation')?.level, 'missing');
  t.regex(diagnoses.get('randomisation')?.remedy ?? '', /--aslr/);
  for (const name of ['start', 'counter', 'gate']) t.is(diagnoses.get(name)?.level, 'ok', name);
  // As in a run:
  t.is((await machine.run(['--kmem', '64M', '--', 'true'], { under })).status, 125);
  t.is((await machine.run(['--kmem', '64M', '--aslr', '--', 'true'], { under })).status, 0);
});

test.serial('without clone3, as in some containers, a gated run works', async (t) => {
  const machine = makeMachine(t);
  const under = [...machine.alone, ...underSeccomp('deny', 'clone3', `${constants.errno.ENOSYS}`)];
  const ran = await doctor(machine, ['--json'], { under });
  t.is(ran.status, 0, ran.stdout);
  machine.assertClean();
});
