import { existsSync } from 'node:fs';
import test from 'ava';
import { errnoOf } from '../../src/errors.ts';
import { until } from '../cgroup/sandbox.ts';
import type { Running } from '../harness.ts';
import { doctor, makeMachine } from './machine.ts';

/** It may have ended first. */
function signalIfThere({ signal }: Running, name: NodeJS.Signals): void {
  try {
    signal(name);
  } catch (error) {
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}

test.serial('an interrupted doctor leaves nothing behind', async (t) => {
  const machine = makeMachine(t);
  let interrupted = 0;
  // Interrupts what follows each of these: groups, the first program, the gate, limits.
  for (const [index, last] of ['lock', 'group', 'listener', 'privileges'].entries()) {
    const out = machine.path(`out-${index}`);
    const running = machine.start(['doctor'], { under: machine.alone, json: false, stdout: { file: out } });
    await until(() => existsSync(out) && machine.read(`out-${index}`).includes(`✓ ${last} `));
    signalIfThere(running, 'SIGINT');
    const { status, stderr } = await running.ended;
    // It may have ended before the signal, but not each time.
    if (!machine.read(`out-${index}`).includes('a gated run')) {
      interrupted += 1;
      t.is(status, 130, stderr);
      t.regex(stderr, /^kmem-run: interrupted/);
    }
    machine.assertClean();
  }
  t.true(interrupted > 0);
});

test.serial('a killed doctor leaves nothing that gc does not find', async (t) => {
  const machine = makeMachine(t);
  for (const [index, last] of ['lock', 'group', 'counter', 'listener'].entries()) {
    const out = machine.path(`out-${index}`);
    const running = machine.start(['doctor'], { under: machine.alone, json: false, stdout: { file: out } });
    await until(() => existsSync(out) && machine.read(`out-${index}`).includes(`✓ ${last} `));
    signalIfThere(running, 'SIGKILL');
    await running.ended;
    // The helper stops what was started.
    await until(() => !machine.whatIsLeft().some((left) => /(^|: )process /.test(left)));
    t.is((await machine.run(['gc'], { under: machine.alone, json: false })).status, 0);
    machine.assertNothingLeft();
  }
});

test.serial('a closed reader does not prevent cleanup', async (t) => {
  const machine = makeMachine(t);
  const script = '"$@" | head -n 1';
  const under = [...machine.alone, 'sh', '-c', script, 'sh'];
  const { stdout, stderr } = await doctor(machine, [], { under });
  t.regex(stdout, /^ {2}✓ kernel [^\n]+\n$/);
  t.is(stderr, '');
  machine.assertClean();
});
