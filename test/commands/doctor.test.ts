import { chownSync, cpSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { checks } from '../../src/doctor/checks.ts';
import { NOBODY, until } from '../cgroup/sandbox.ts';
import { diagnosesOf, type Machine, makeMachine, underSeccomp } from '../doctor/machine.ts';
import { assertRefused, type Start } from '../harness.ts';

const root = join(import.meta.dirname, '..', '..');

const doctor = (machine: Machine, args: readonly string[] = [], start: Start = {}) =>
  machine.run(['doctor', ...args], { under: machine.alone, json: false, ...start });

test.serial('on a machine that has all there is, a gated run works, and nothing is left of the checks', async (t) => {
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

test.serial('what it says is what a run does', async (t) => {
  const machine = makeMachine(t);
  const diagnoses = diagnosesOf(await doctor(machine, ['--json']));
  const ran = await machine.run(['--enforce', 'native', '--kmem', '64M', '--', 'true'], { under: machine.alone });
  t.is(diagnoses.get('native-limit')?.level === 'ok', ran.status === 0);
  t.is(diagnoses.get('group')?.level, 'ok');
  t.true(diagnoses.get('group')?.found.includes('/sys/fs/cgroup/'));
});

test.serial('--json is for machines', async (t) => {
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

test.serial('without permission: the remedy is --parent, and what depends on a group is not tried', async (t) => {
  const machine = makeMachine(t);
  const ran = await doctor(machine, ['--json'], { under: machine.asNobody });
  t.is(ran.status, 1, ran.stderr);
  const diagnoses = diagnosesOf(ran);
  t.like(diagnoses.get('group'), { level: 'missing' });
  t.regex(diagnoses.get('group')?.found ?? '', /EACCES/);
  t.regex(diagnoses.get('group')?.remedy ?? '', /--parent DIR/);
  for (const name of ['start', 'counter', 'gate', 'native-limit', 'mem-limit']) {
    t.like(diagnoses.get(name), { level: 'not-tried', remedy: null }, name);
  }
  t.regex(diagnoses.get('gate')?.found ?? '', /start, counter/);
  // They need no group.
  for (const name of ['hierarchies', 'helper', 'lock', 'listener']) t.is(diagnoses.get(name)?.level, 'ok', name);
  machine.assertClean();
});

test.serial('as text: the remedy stands below what is missing, and the last line counts', async (t) => {
  const machine = makeMachine(t);
  const { status, stdout } = await doctor(machine, [], { under: machine.asNobody });
  t.is(status, 1);
  t.regex(
    stdout,
    /\n {2}✗ group +cannot make a control group[^\n]+\n {20}remedy: run as root, or [^\n]+--parent DIR\n/,
  );
  t.regex(stdout, /\n {2}- gate +not tried: /);
  t.regex(stdout, /\nkmem-run: a gated run does not work here: 1 thing missing/);
});

test.serial('without permission but with a directory of its own: a gated run works there', async (t) => {
  const machine = makeMachine(t);
  const mine = `${machine.sandbox.memory}/mine`;
  mkdirSync(mine);
  for (const file of ['', '/tasks', '/cgroup.procs']) chownSync(mine + file, NOBODY, NOBODY);
  const shown = '/sys/fs/cgroup/memory/mine';
  const ran = await doctor(machine, ['--json', '--parent', shown], { under: machine.asNobody });
  const diagnoses = diagnosesOf(ran);
  t.is(ran.status, 0, ran.stdout);
  t.true(diagnoses.get('group')?.found.includes(shown));
  for (const name of ['start', 'counter', 'gate']) t.is(diagnoses.get(name)?.level, 'ok', name);
  t.is(diagnoses.get('privileges')?.level, 'note');
  t.is(diagnoses.get('kill-freeze')?.level, 'note');
  // pids is another hierarchy, in which it owns nothing: only --pids misses that.
  t.is(diagnoses.get('pids-limit')?.level, 'warning');

  const gated = ['--kmem', '64M', '--parent', shown, '--', 'true'];
  t.is((await machine.run(gated, { under: machine.asNobody, json: false })).status, 0);
  t.is(statSync(mine).nlink, 2);
});

test.serial('a directory of its own is enough: the files of a group made in it belong to its maker', async (t) => {
  const machine = makeMachine(t);
  mkdirSync(`${machine.sandbox.memory}/mine`);
  chownSync(`${machine.sandbox.memory}/mine`, NOBODY, NOBODY);
  const ran = await doctor(machine, ['--json', '--parent', '/sys/fs/cgroup/memory/mine'], { under: machine.asNobody });
  t.is(diagnosesOf(ran).get('group')?.level, 'ok');
  t.is(ran.status, 0);
  t.is(statSync(`${machine.sandbox.memory}/mine`).nlink, 2);
});

test.serial('a read-only hierarchy has its own remedy', async (t) => {
  const machine = makeMachine(t);
  const remount = 'mount -o remount,bind,ro /sys/fs/cgroup/memory && exec "$@"';
  const ran = await doctor(machine, ['--json'], { under: [...machine.alone, 'sh', '-c', remount, 'sh'] });
  t.is(ran.status, 1);
  const diagnoses = diagnosesOf(ran);
  t.regex(diagnoses.get('hierarchies')?.found ?? '', /memory at [^,]+ \(v1, read-only/);
  t.regex(diagnoses.get('group')?.found ?? '', /EROFS/);
  t.regex(diagnoses.get('group')?.remedy ?? '', /remount,rw/);
  machine.assertClean();
});

test.serial('a --parent that is none is what is missing', async (t) => {
  const machine = makeMachine(t);
  const ran = await doctor(machine, ['--json', '--parent', machine.folder]);
  t.is(ran.status, 1);
  t.like(diagnosesOf(ran).get('hierarchies'), {
    level: 'missing',
    found: `--parent ${machine.folder} is not in a cgroup file system`,
    remedy: 'name an existing directory under /sys/fs/cgroup/memory',
  });
  t.is(diagnosesOf(ran).get('group')?.level, 'not-tried');
});

/** The package without a helper, and a PATH without a compiler. */
function makeHelperless({ path }: Machine): { bin: string; env: Record<string, string> } {
  const copy = path('package');
  for (const file of ['package.json', 'bin', 'dist/cli.cjs', 'dist/zod.cjs', 'src/gate/gate.c']) {
    cpSync(join(root, file), join(copy, file), { recursive: true });
  }
  mkdirSync(path('commands'));
  for (const name of ['unshare', 'sh', 'mount', 'mkdir']) {
    const found = ['/usr/bin', '/bin'].map((folder) => join(folder, name)).find((file) => existsSync(file));
    symlinkSync(found ?? '', join(path('commands'), name));
  }
  return {
    bin: join(copy, 'bin', 'kmem-run.js'),
    env: { PATH: path('commands'), XDG_CACHE_HOME: path('cache'), HOME: copy },
  };
}

test.serial('no helper and no compiler: the packages are named, and the groups are still tried', async (t) => {
  const machine = makeMachine(t);
  const { bin: copied, env } = makeHelperless(machine);
  const ran = await machine.startProgram([...machine.alone, process.execPath, copied, 'doctor', '--json'], { env })
    .ended;
  t.is(ran.status, 1, ran.stderr);
  const diagnoses = diagnosesOf(ran);
  t.like(diagnoses.get('helper'), {
    level: 'missing',
    found: 'the native helper needs a C compiler, and cc is not in PATH',
  });
  t.regex(diagnoses.get('helper')?.remedy ?? '', /apt-get install gcc libc6-dev/);
  t.is(diagnoses.get('group')?.level, 'ok');
  t.is(diagnoses.get('listener')?.level, 'not-tried');
  machine.assertClean();
});

test.serial('a helper that does not start', async (t) => {
  const machine = makeMachine(t);
  const { bin: copied } = makeHelperless(machine);
  writeFileSync(machine.path('package/dist/kmem-gate'), '#!/nonexistent/interpreter\n', { mode: 0o755 });
  const ran = await machine.startProgram([...machine.alone, process.execPath, copied, 'doctor', '--json']).ended;
  t.is(ran.status, 1);
  t.like(diagnosesOf(ran).get('helper'), { level: 'missing' });
  t.regex(diagnosesOf(ran).get('helper')?.found ?? '', /cannot be started/);
  machine.assertClean();
});

test.serial(
  'under a listener of an ancestor: doctor says so, and a run that cannot be enforced does not start',
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
    // That it was not the sandbox that kept the command from running:
    t.is((await machine.run(['--enforce', 'none', '--', 'touch', machine.path('marker')], { under })).status, 0);
    t.true(machine.has('marker'));
    machine.assertClean();
  },
);

test.serial('why there can be no listener is told apart', async (t) => {
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

test.serial('randomisation that cannot be turned off hides no other lack', async (t) => {
  const machine = makeMachine(t);
  const under = [...machine.alone, ...underSeccomp('deny', 'personality', `${constants.errno.EPERM}`)];
  const ran = await doctor(machine, ['--json'], { under });
  t.is(ran.status, 1);
  const diagnoses = diagnosesOf(ran);
  t.is(diagnoses.get('randomisation')?.level, 'missing');
  t.regex(diagnoses.get('randomisation')?.remedy ?? '', /--aslr/);
  for (const name of ['start', 'counter', 'gate']) t.is(diagnoses.get(name)?.level, 'ok', name);
  // As a run has it:
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

test.serial('interrupted, it leaves nothing behind', async (t) => {
  const machine = makeMachine(t);
  // In the middle of what each of these comes before: groups, the first program, the gate, limits.
  for (const [index, last] of ['lock', 'group', 'listener', 'privileges'].entries()) {
    const out = machine.path(`out-${index}`);
    const running = machine.start(['doctor'], { under: machine.alone, json: false, stdout: { file: out } });
    await until(() => existsSync(out) && machine.read(`out-${index}`).includes(`✓ ${last} `));
    running.signal('SIGINT');
    const { status, stderr } = await running.ended;
    // It may have been quicker than the signal.
    if (status !== 0) {
      t.is(status, 130, stderr);
      t.regex(stderr, /^kmem-run: interrupted/);
      t.notRegex(machine.read(`out-${index}`), /a gated run/);
    }
    machine.assertClean();
  }
});

test.serial('killed, it leaves nothing that gc does not find', async (t) => {
  const machine = makeMachine(t);
  for (const [index, last] of ['lock', 'group', 'counter', 'listener'].entries()) {
    const out = machine.path(`out-${index}`);
    const running = machine.start(['doctor'], { under: machine.alone, json: false, stdout: { file: out } });
    await until(() => existsSync(out) && machine.read(`out-${index}`).includes(`✓ ${last} `));
    running.signal('SIGKILL');
    await running.ended;
    // The helper ends what was begun.
    await until(() => !machine.whatIsLeft().some((left) => /(^|: )process /.test(left)));
    t.is((await machine.run(['gc'], { under: machine.alone, json: false })).status, 0);
    machine.assertNothingLeft();
  }
});

test.serial('a reader that goes away does not keep it from cleaning up', async (t) => {
  const machine = makeMachine(t);
  const script = '"$@" | head -n 1';
  const under = [...machine.alone, 'sh', '-c', script, 'sh'];
  const { stdout, stderr } = await doctor(machine, [], { under });
  t.regex(stdout, /^ {2}✓ kernel [^\n]+\n$/);
  t.is(stderr, '');
  machine.assertClean();
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

test.serial('options are strict', async (t) => {
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
  t.regex(help.stdout, /^kmem-run doctor \[--json\] \[--parent DIR\]\n/);
});
