/**
 * In namespaces like those of container engines: each missing part is distinguished, and the remedy in its message
 * works.
 */

import test, { type ExecutionContext } from 'ava';
import type { Diagnosis } from '../../src/doctor/check.ts';
import type { Ran } from '../harness.ts';
import { diagnosesOf, doctor, type Machine, makeMachine } from './machine.ts';

/** Words that run a program after some shell lines. */
function after(lines: string): string[] {
  return ['sh', '-ec', `${lines}\nexec "$@"`, 'sh'];
}

const GATED = ['--kmem', '1M', '--', 'sh', '-c', 'exec true'];

/** The check's diagnosis of the only missing part. */
function lackIn(t: ExecutionContext, ran: Ran, name: string): Diagnosis {
  const diagnosis = diagnosesOf(ran).get(name);
  t.is(ran.status, 1, ran.stdout);
  t.is(diagnosis?.level, 'missing', ran.stdout);
  return diagnosis as Diagnosis;
}

/** The command in a remedy, from where it starts to the end of its clause. */
function commandIn(t: ExecutionContext, remedy: string | null, start: string): string {
  const command = new RegExp(`${start}(?:[^;,]|,(?! ))*`).exec(remedy ?? '')?.[0] ?? '';
  t.not(command, '', `${remedy}`);
  return command.trim();
}

async function worksUnder(
  t: ExecutionContext,
  machine: Machine,
  under: readonly string[],
  more: readonly string[] = [],
) {
  const ran = await doctor(machine, ['--json', ...more], { under });
  t.is(ran.status, 0, ran.stdout);
  const gated = await machine.run([...more, ...GATED], { under, json: false });
  t.is(gated.status, 0, gated.stderr);
}

test.serial('an ordinary user: the remedy has the command for root, after which nothing needs root', async (t) => {
  const machine = makeMachine(t);
  const { remedy } = lackIn(t, await doctor(machine, ['--json'], { under: machine.asNobody }), 'group');
  const command = commandIn(t, remedy, 'sudo ').replace('sudo ', '');
  const parent = commandIn(t, remedy, '--parent ').replace('--parent ', '');
  const asked = await machine.startProgram([...machine.alone, 'sh', '-c', command]).ended;
  t.is(asked.status, 0, asked.stderr);
  await worksUnder(t, machine, machine.asNobody, ['--parent', parent]);
  const script = 'grep NoNewPrivs /proc/self/status; id -u';
  const ran = await machine.run(['--kmem', '1M', '--parent', parent, '--', 'sh', '-c', script], {
    under: machine.asNobody,
    json: false,
  });
  t.is(ran.status, 0, ran.stderr);
  t.is(ran.stdout, 'NoNewPrivs:\t1\n65534\n');
  t.regex(ran.stderr, /setuid programs lost their privilege/);
});

test.serial('a process limit as an ordinary user: the hint adds a matching pids directory', async (t) => {
  const machine = makeMachine(t);
  const own = '/sys/fs/cgroup/memory/mine';
  const made = await machine.startProgram([...machine.alone, 'install', '-d', '-o', '65534', own]).ended;
  t.is(made.status, 0, made.stderr);
  const args = ['--parent', own, '--pids', '50', ...GATED];
  const refused = await machine.run(args, { under: machine.asNobody, json: false });
  t.is(refused.status, 125);
  const command = commandIn(t, refused.stderr, 'sudo ').replace('sudo ', '');
  t.is((await machine.startProgram([...machine.alone, 'sh', '-c', command]).ended).status, 0, command);
  const ran = await machine.run(args, { under: machine.asNobody, json: false });
  t.is(ran.status, 0, ran.stderr);
});

test.serial('a cgroup namespace under old mounts: remounting fixes it', async (t) => {
  const machine = makeMachine(t);
  const inside = ['unshare', '--cgroup', '--mount'];
  const { found, remedy } = lackIn(t, await doctor(machine, ['--json'], { under: inside }), 'hierarchies');
  t.regex(found, /does not show kmem-run's own cgroup/);
  t.regex(remedy ?? '', /docker, podman: --cgroupns=host; bwrap: no --unshare-cgroup/);
  await worksUnder(t, machine, [...inside, ...after(commandIn(t, remedy, 'umount '))]);
  // The alternative: the same without that namespace.
  await worksUnder(t, machine, ['unshare', '--mount']);
});

test.serial('no cgroup file system at all: the one with the kernel’s memory controller is mounted', async (t) => {
  const machine = makeMachine(t);
  const hide = 'umount -l /sys/fs/cgroup; mount -t tmpfs none /sys/fs/cgroup';
  const inside = ['unshare', '--mount', ...after(hide)];
  const { found, remedy } = lackIn(t, await doctor(machine, ['--json'], { under: inside }), 'hierarchies');
  t.regex(found, /no cgroup file system is mounted, and the controller is on v1/);
  t.notRegex(remedy ?? '', /docker/);
  await worksUnder(t, machine, [...inside, ...after(commandIn(t, remedy, 'mkdir '))]);
});

test.serial('a read-only cgroup file system is remounted writable', async (t) => {
  const machine = makeMachine(t);
  const inside = ['unshare', '--mount', ...after('mount -o remount,ro,bind /sys/fs/cgroup/memory')];
  const { found, remedy } = lackIn(t, await doctor(machine, ['--json'], { under: inside }), 'group');
  t.regex(found, /EROFS/);
  await worksUnder(t, machine, [...inside, ...after(commandIn(t, remedy, 'mount -o '))]);
});

/** A container: namespaces, a private /run and /tmp, and the machine's files. */
function box(machine: Machine, ...more: string[]): string[] {
  return [
    'bwrap',
    ...['--ro-bind', '/', '/', '--dev', '/dev', '--proc', '/proc', '--tmpfs', '/run', '--bind', '/tmp', '/tmp'],
    ...['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--cap-add', 'ALL', '--chdir', machine.folder],
    ...more,
  ];
}

test.serial('in a container the remedies are options of the container engine', async (t) => {
  const machine = makeMachine(t);
  const readOnly = await doctor(machine, ['--json'], { under: box(machine) });
  const shown = diagnosesOf(readOnly).get('container');
  t.is(shown?.level, 'note');
  t.regex(shown?.found ?? '', /3 namespaces of its own \(pid, ipc, uts\)/);
  const { remedy } = lackIn(t, readOnly, 'group');
  t.regex(remedy ?? '', /--security-opt (writable-cgroups=true|unmask=\/sys\/fs\/cgroup)/);
  // The one of the named engines that is available here.
  const binds = ['--bind', '/sys/fs/cgroup', '/sys/fs/cgroup'];
  await worksUnder(t, machine, box(machine, ...binds));

  const none = await doctor(machine, ['--json'], { under: box(machine, '--tmpfs', '/sys') });
  const lack = lackIn(t, none, 'hierarchies');
  t.regex(lack.found, /no cgroup file system is mounted/);
  t.regex(lack.remedy ?? '', /-v \/sys\/fs\/cgroup:\/sys\/fs\/cgroup:rw --cgroupns=host/);
  t.true(lack.remedy?.includes(binds.join(' ')), `${lack.remedy}`);
  await worksUnder(t, machine, box(machine, '--tmpfs', '/sys', ...binds));
});
