import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { checks } from '../../src/doctor/checks.ts';
import { diagnosesOf, doctor, makeMachine } from '../doctor/machine.ts';
import { assertRefused } from '../harness.ts';

test.serial('on a fully equipped machine a gated run works, and the checks leave nothing behind', async (t) => {
  const machine = makeMachine(t);
  const { status, stdout, stderr } = await doctor(machine);
  t.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  const lines = stdout.trimEnd().split('\n');
  t.regex(lines.pop() ?? '', /^kmem-run: a gated run works here/);
  const shown = lines.filter((line) => !line.includes('remedy:'));
  t.deepEqual(
    shown.map((line) => /^ {2}. (\S+)/.exec(line)?.[1]),
    checks.map(({ name }) => name),
  );
  // Aligned, and each with its mark.
  for (const line of shown) t.regex(line, /^ {2}[✓·!] .{14} {2}\S/);
  t.regex(stdout, /✓ gate .*denied 1 call under one page/);
  machine.assertClean();
});

test.serial('its findings match what a run does', async (t) => {
  const machine = makeMachine(t);
  const diagnoses = diagnosesOf(await doctor(machine, ['--json']));
  const ran = await machine.run(['--enforce', 'native', '--kmem', '64M', '--', 'true'], { under: machine.alone });
  t.is(diagnoses.get('native-limit')?.level === 'ok', ran.status === 0);
  t.is(diagnoses.get('group')?.level, 'ok');
  t.true(diagnoses.get('group')?.found.includes('/sys/fs/cgroup/'));
});

test.serial('--json prints only JSON', async (t) => {
  const machine = makeMachine(t);
  const { status, stdout, stderr } = await doctor(machine, ['--json']);
  t.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  const { works, checks: found } = JSON.parse(stdout);
  t.true(works);
  t.deepEqual(
    found.map(({ name }: { name: string }) => name),
    checks.map(({ name }) => name),
  );
  for (const diagnosis of found) {
    t.deepEqual(Object.keys(diagnosis), ['name', 'level', 'found', 'remedy']);
    t.is(diagnosis.remedy === null, diagnosis.level !== 'warning', diagnosis.name);
  }
});

test.serial('leftovers are a warning that names gc', async (t) => {
  const machine = makeMachine(t);
  const group = `${machine.sandbox.memory}/elsewhere/kmem-run.abc`;
  mkdirSync(group, { recursive: true });
  const unjudged = diagnosesOf(await doctor(machine, ['--json'])).get('leftovers');
  t.is(unjudged?.level, 'warning');
  t.regex(unjudged?.remedy ?? '', /kmem-run gc --force/);
  writeFileSync(machine.path('locks/abc.lock'), '', { mode: 0o600 });
  const ran = await doctor(machine, ['--json']);
  t.is(ran.status, 0);
  t.like(diagnosesOf(ran).get('leftovers'), {
    level: 'warning',
    found: '1 group of runs that are gone',
    remedy: 'kmem-run gc',
  });
  t.true(existsSync(group));
});

test.serial('rejects bad options', async (t) => {
  const machine = makeMachine(t);
  const unknown = await doctor(machine, ['--jsn']);
  t.is(unknown.status, 125);
  assertRefused(t, unknown, /unknown option "--jsn"/);
  t.regex(unknown.stderr, /did you mean --json\?/);
  for (const args of [['x'], ['--', 'true'], ['--json', '--json'], ['--parent']]) {
    const ran = await doctor(machine, args);
    t.is(ran.status, 125, args.join(' '));
    assertRefused(t, ran, /./);
  }
  const help = await doctor(machine, ['--help']);
  t.is(help.status, 0);
  t.regex(help.stdout, /^kmem-run doctor \[options\]\n/);
});
