/** Machines on which something is missing. */

import { chownSync, cpSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { NOBODY } from '../cgroup/sandbox.ts';
import { diagnosesOf, doctor, type Machine, makeMachine } from './machine.ts';

const root = join(import.meta.dirname, '..', '..');

test.serial('without permission: the remedy is --parent, and checks that need a group are not tried', async (t) => {
  const machine = makeMachine(t);
  const ran = await doctor(machine, ['--json'], { under: machine.asNobody });
  t.is(ran.status, 1, ran.stderr);
  const diagnoses = diagnosesOf(ran);
  t.like(diagnoses.get('group'), { level: 'missing' });
  t.regex(diagnoses.get('group')?.found ?? '', /EACCES/);
  t.regex(diagnoses.get('group')?.remedy ?? '', /sudo install .* --parent \S+; or .*--kernel NAME/);
  for (const name of ['start', 'counter', 'gate', 'native-limit', 'mem-limit']) {
    t.like(diagnoses.get(name), { level: 'not-tried', remedy: null }, name);
  }
  t.is(diagnoses.get('gate')?.found, 'not tried: it requires group');
  // They need no group.
  for (const name of ['hierarchies', 'helper', 'lock', 'listener']) t.is(diagnoses.get(name)?.level, 'ok', name);
  machine.assertClean();
});

test.serial('as text: the remedy is below the missing item, and the last line has the count', async (t) => {
  const machine = makeMachine(t);
  const { status, stdout } = await doctor(machine, [], { under: machine.asNobody });
  t.is(status, 1);
  t.regex(stdout, /\n {2}✗ group +cannot create a control group[^\n]+\n {20}remedy: [^\n]+ --parent [^\n]+\n/);
  t.regex(stdout, /\n {2}- gate +not tried: /);
  t.regex(stdout, /\nkmem-run: a gated run does not work here: 1 thing missing/);
});

test.serial('without permission but with its own directory: a gated run works there', async (t) => {
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
  // pids is another hierarchy, in which it owns nothing; only --pids is affected.
  t.is(diagnoses.get('pids-limit')?.level, 'warning');

  const gated = ['--kmem', '64M', '--parent', shown, '--', 'true'];
  t.is((await machine.run(gated, { under: machine.asNobody, json: false })).status, 0);
  // The command's first calls can be read as for root, although the helper's own user cannot read its memory.
  const denied = ['--kmem', '4K', ...gated.slice(2)];
  const { stderr } = await machine.run(denied, { under: machine.asNobody, json: false });
  t.regex(stderr, /kmem-helper: 1 × clone3 of process CLONE_VM CLONE_VFORK \(ENOMEM\)/);
  t.is(statSync(mine).nlink, 2);
});

test.serial('a directory of its own is enough: files of a group created in it belong to the creator', async (t) => {
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

test.serial('no memory controller', async (t) => {
  const machine = makeMachine(t);
  const unmount = 'umount -l /sys/fs/cgroup/memory && umount -l /sys/fs/cgroup/memory && exec "$@"';
  const ran = await doctor(machine, ['--json'], { under: [...machine.alone, 'sh', '-c', unmount, 'sh'] });
  t.is(ran.status, 1);
  const diagnosis = diagnosesOf(ran).get('hierarchies');
  t.is(diagnosis?.level, 'missing');
  t.regex(diagnosis?.remedy ?? '', /mount -t cgroup -o memory /);
});

test.serial('enabled swap is a warning', async (t) => {
  const machine = makeMachine(t);
  writeFileSync(machine.path('meminfo'), 'MemTotal: 1048576 kB\nSwapTotal: 2048 kB\n');
  const swapping = 'mount --bind "$0" /proc/meminfo && exec "$@"';
  const under = [...machine.alone, 'sh', '-c', swapping, machine.path('meminfo')];
  const ran = await doctor(machine, ['--json'], { under });
  t.is(ran.status, 0);
  t.is(diagnosesOf(ran).get('swap')?.level, 'warning');
  t.regex(diagnosesOf(ran).get('swap')?.found ?? '', /on \(2 MiB\)/);
  t.regex(diagnosesOf(ran).get('swap')?.remedy ?? '', /--memsw/);
});

test.serial('an invalid --parent is reported as missing', async (t) => {
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
  for (const file of ['package.json', 'bin', 'dist/cli.cjs', 'dist/zod.cjs', 'src/native']) {
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

test.serial('a broken helper is reported', async (t) => {
  const machine = makeMachine(t);
  const { bin: copied } = makeHelperless(machine);
  writeFileSync(machine.path('package/dist/kmem-helper'), '#!/nonexistent/interpreter\n', { mode: 0o755 });
  const ran = await machine.startProgram([...machine.alone, process.execPath, copied, 'doctor', '--json']).ended;
  t.is(ran.status, 1);
  t.like(diagnosesOf(ran).get('helper'), { level: 'missing' });
  t.regex(diagnosesOf(ran).get('helper')?.found ?? '', /cannot be started/);
  machine.assertClean();
});
