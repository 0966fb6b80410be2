import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { makerMark } from '../../bin/maker.js';
import { NOBODY, startIn, stateOf, until } from '../cgroup/sandbox.ts';
import { commOf, groupsIn, isRunning, killKeepers, startRun } from '../doctor/live-run.ts';
import { diagnosesOf, doctor, type Machine, makeMachine } from '../doctor/machine.ts';
import { assertRefused, type Ran, type Start } from '../harness.ts';

/** Without other tests' files in the cache. */
const home = mkdtempSync(join(tmpdir(), 'kmem-run-home-'));
test.after.always(() => rmSync(home, { recursive: true, force: true }));

function gc(machine: Machine, args: readonly string[] = [], start: Start = {}) {
  return machine.run(['gc', ...args], { under: machine.alone, json: false, env: { HOME: home }, ...start });
}

function lineOf({ stdout }: Ran, name: string) {
  return stdout.split('\n').find((line) => line.includes(name)) ?? '';
}

/** Kills what a failed test leaves. */
function endAtLast(t: ExecutionContext, ...pids: readonly number[]): void {
  t.teardown(() => {
    for (const pid of pids) if (isRunning(pid)) process.kill(pid, 'SIGKILL');
  });
}

test.serial('runner, supervisor and guardian all killed: gc removes the group and kills its processes', async (t) => {
  const machine = makeMachine(t);
  const live = await startRun(machine);
  const { name, sleep, helpers } = live;
  endAtLast(t, sleep, ...helpers);
  t.deepEqual(helpers.map(commOf).toSorted(), ['kmem-guardian', 'kmem-helper', 'kmem-reclaimer']);
  await killKeepers(live);
  t.true(isRunning(sleep));
  t.true(existsSync(`${machine.sandbox.memory}/${name}`));
  t.deepEqual(machine.locks(), [`${name.slice('kmem-run.'.length)}.lock`]);

  const foretold = await gc(machine, ['--dry-run']);
  t.deepEqual({ status: foretold.status, stderr: foretold.stderr }, { status: 0, stderr: '' });
  t.is(lineOf(foretold, name), `removable  ${name}  1 process would be killed: sleep (${sleep})`);
  t.true(isRunning(sleep));
  t.is(machine.locks().length, 1);

  const { status, stdout, stderr } = await gc(machine);
  t.deepEqual({ status, stderr }, { status: 0, stderr: '' });
  t.is(stdout, `removed    ${name}  1 process killed: sleep (${sleep})\n`);
  await until(() => !isRunning(sleep));
  machine.assertClean();
  t.is((await gc(machine)).stdout, 'nothing to remove\n');
});

test.serial('a live run is left alone, even with --force', async (t) => {
  const machine = makeMachine(t);
  const { running, name, sleep } = await startRun(machine);
  endAtLast(t, sleep);
  for (const args of [[], ['--force'], ['--dry-run'], ['--dry-run', '--force']]) {
    const ran = await gc(machine, args);
    t.is(ran.status, 0);
    t.is(
      ran.stdout,
      `held       ${name}  its run is alive: skipped, with 1 process in it: sleep (${sleep})\nnothing to remove\n`,
    );
  }
  t.true(isRunning(sleep));
  running.signal('SIGTERM');
  t.is((await running.ended).status, 143);
  machine.assertClean();
});

test.serial('a stopped helper still ends its run when the runner is gone', async (t) => {
  const machine = makeMachine(t);
  const live = await startRun(machine);
  endAtLast(t, live.sleep, ...live.helpers);
  for (const pid of live.helpers) process.kill(pid, 'SIGSTOP');
  await until(() => live.helpers.every((pid) => stateOf(pid) === 'T'));
  process.kill(live.running.pid, 'SIGKILL');
  await live.running.ended;
  await until(() => machine.whatIsLeft().length === 0);
  machine.assertClean();
});

test.serial('the next run removes a dead one beside it, but not a live one', async (t) => {
  const machine = makeMachine(t);
  const dead = await startRun(machine);
  endAtLast(t, dead.sleep, ...dead.helpers);
  const alive = await startRun(machine);
  endAtLast(t, alive.sleep);
  await killKeepers(dead);
  t.true(isRunning(dead.sleep));
  t.is((await machine.run(['--', 'true'], { under: machine.alone })).status, 0);
  await until(() => !isRunning(dead.sleep));
  t.deepEqual(groupsIn(machine.sandbox.memory), [alive.name]);
  t.true(isRunning(alive.sleep));
  alive.running.signal('SIGTERM');
  await alive.running.ended;
  machine.assertClean();
});

test.serial('a group without a lock is left alone, except with --force', async (t) => {
  const machine = makeMachine(t);
  const group = `${machine.sandbox.memory}/deep/kmem-run.lost`;
  mkdirSync(`${group}/nested`, { recursive: true });
  const { pid } = await startIn(t, [`${group}/nested`], ['sleep', '1000']);
  const shy = await gc(machine);
  t.is(shy.status, 0);
  t.regex(
    shy.stdout,
    new RegExp(`^unjudged   kmem-run\\.lost  [^\\n]*skipped, with 1 process in it: sleep \\(${pid}\\)\\n`),
  );
  t.regex(shy.stdout, /\n +hint: if its run is gone: kmem-run gc --force\nnothing to remove\n$/);
  t.true(isRunning(pid));

  const foretold = await gc(machine, ['--force', '--dry-run']);
  t.regex(foretold.stdout, /^removable {2}kmem-run\.lost {2}1 process would be killed/);
  t.true(isRunning(pid));

  const forced = await gc(machine, ['--force']);
  t.is(forced.status, 0);
  t.is(forced.stdout, `removed    kmem-run.lost  1 process killed: sleep (${pid})\n`);
  await until(() => !isRunning(pid));
  t.false(existsSync(group));
  rmdirSync(`${machine.sandbox.memory}/deep`);
  machine.assertClean();
});

test.serial('old lock files without a group are removed, recent ones are kept', async (t) => {
  const machine = makeMachine(t);
  for (const name of ['old', 'young']) writeFileSync(machine.path(`locks/${name}.lock`), '', { mode: 0o600 });
  await exited(spawn('touch', ['-d', '10 minutes ago', machine.path('locks/old.lock')]));
  // Young for as long as the test runs.
  await exited(spawn('touch', ['-d', '10 minutes', machine.path('locks/young.lock')]));
  t.is((await gc(machine, ['--dry-run'])).stdout, 'removable  1 lock file  without a group\n');
  t.deepEqual(machine.locks().toSorted(), ['old.lock', 'young.lock']);
  t.is((await gc(machine)).stdout, 'removed    1 lock file  without a group\n');
  t.deepEqual(machine.locks(), ['young.lock']);
});

function exited(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve) => child.once('exit', resolve));
}

test.serial(
  'the folder and log of a scenario whose runner was killed are removed, those in use are kept',
  async (t) => {
    const machine = makeMachine(t);
    const file = machine.path('waits.yaml');
    writeFileSync(file, 'description: a\nsteps:\n  - run: touch started && sleep 1000\n');
    const running = machine.start(['scenario', 'run', file], {
      under: machine.alone,
      json: false,
      env: { HOME: home },
    });
    const names = () => readdirSync(machine.temporary);
    await until(() => names().some((name) => existsSync(join(machine.temporary, name, 'run', 'started'))));
    const path = join(machine.temporary, names()[0] ?? '');
    t.is((await gc(machine, ['--force'])).stdout.split('\n').at(-2), 'nothing to remove');
    running.signal('SIGKILL');
    await running.ended;
    await until(() => groupsIn(machine.sandbox.memory).length === 0);
    t.deepEqual(readdirSync(path).toSorted(), ['run', 'run.log']);
    const diagnoses = diagnosesOf(await doctor(machine, ['--json'], { env: { HOME: home } }));
    t.regex(JSON.stringify(diagnoses.get('leftovers')), /"1 temporary file or folder of runs that are gone/);
    t.is((await gc(machine, ['--dry-run'])).stdout, `removable  ${path}  of a kmem-run that was killed\n`);
    t.is((await gc(machine)).stdout, `removed    ${path}  of a kmem-run that was killed\n`);
    machine.assertClean();
  },
);

test.serial('unfinished files in the cache are removed, too', async (t) => {
  const machine = makeMachine(t);
  const cache = join(home, '.cache', 'kmem-run');
  const module = new URL('../../bin/maker.js', import.meta.url).href;
  const ask = `import(${JSON.stringify(module)}).then(({ makerMark }) => console.log(makerMark()))`;
  const dead = spawnSync(process.execPath, ['-e', ask], { encoding: 'utf8' }).stdout.trim();
  const places = [
    `.kmem-helper-${dead}a`,
    `kvm.json.${dead}1`,
    `initramfs/x.cpio.${dead}1`,
    `kernels/.new-${dead}a`,
    `snapshots/5.10-x.${dead}1`,
  ];
  for (const place of places) mkdirSync(join(cache, place), { recursive: true, mode: 0o700 });
  for (const stays of [`.kmem-helper-${makerMark()}a`, 'kernels/6.12']) mkdirSync(join(cache, stays));
  const elsewhere = join(cache, '.kmem-helper-zzzzz-1-1-a');
  mkdirSync(elsewhere);
  const { stdout } = await gc(machine);
  for (const place of places) t.regex(lineOf({ stdout } as Ran, place), /^removed /);
  t.regex(lineOf({ stdout } as Ran, elsewhere), /^unjudged .* made in another container or before the last boot/);
  t.true(existsSync(elsewhere));
  t.regex(lineOf(await gc(machine, ['--force']), elsewhere), /^removed /);
  t.deepEqual(readdirSync(join(cache, 'kernels')), ['6.12']);
  t.true(existsSync(join(cache, `.kmem-helper-${makerMark()}a`)));
  rmSync(cache, { recursive: true });
});

test.serial('leftovers of another user are reported as theirs, own ones are removed', async (t) => {
  const machine = makeMachine(t);
  const { memory } = machine.sandbox;
  mkdirSync(`${memory}/kmem-run.roots`);
  mkdirSync(`${memory}/mine/kmem-run.own`, { recursive: true });
  for (const directory of ['mine', 'mine/kmem-run.own']) chownSync(`${memory}/${directory}`, NOBODY, NOBODY);
  mkdirSync(machine.path('runtime/kmem-run'), { mode: 0o700 });
  writeFileSync(machine.path('runtime/kmem-run/own.lock'), '', { mode: 0o600 });
  for (const file of ['kmem-run', 'kmem-run/own.lock']) chownSync(machine.path(`runtime/${file}`), NOBODY, NOBODY);
  const { status, stdout } = await gc(machine, [], { under: machine.asNobody });
  t.is(status, 0);
  t.regex(stdout, /^removed {4}kmem-run\.own {2}no process in it$/m);
  t.regex(stdout, /^unjudged {3}kmem-run\.roots {2}belongs to user 0, [^\n]*\n +hint: run kmem-run gc as root/m);
  t.true(existsSync(`${memory}/kmem-run.roots`));
  t.false(existsSync(`${memory}/mine/kmem-run.own`));
  t.deepEqual(readdirSync(machine.path('runtime/kmem-run')), []);
});

test.serial('leftovers that cannot be removed are named, with status 1', async (t) => {
  const machine = makeMachine(t);
  const { memory } = machine.sandbox;
  mkdirSync(`${memory}/kmem-run.stuck`);
  writeFileSync(machine.path('locks/stuck.lock'), '', { mode: 0o600 });
  const remount = 'mount -o remount,bind,ro /sys/fs/cgroup/memory && exec "$@"';
  const { status, stdout } = await gc(machine, [], { under: [...machine.alone, 'sh', '-c', remount, 'sh'] });
  t.is(status, 1);
  t.regex(
    stdout,
    /^failed {5}kmem-run\.stuck {2}left behind: [^\n]+ \(EROFS\); it contains no process\n +hint: [^\n]+\n$/,
  );
  t.true(existsSync(`${memory}/kmem-run.stuck`));
  t.deepEqual(machine.locks(), ['stuck.lock']);
});

test.serial('control characters in a process name are escaped', async (t) => {
  const machine = makeMachine(t);
  const group = `${machine.sandbox.memory}/kmem-run.rude`;
  mkdirSync(group);
  const { pid } = await startIn(
    t,
    [group],
    ['sh', '-c', "printf '\\033[31mred' > /proc/$$/comm; while :; do read line; done"],
  );
  await until(() => commOf(pid)?.includes('red') === true);
  const { stdout } = await gc(machine, ['--force']);
  t.is(stdout, `removed    kmem-run.rude  1 process killed: \\x1b[31mred (${pid})\n`);
});

test.serial('without a cgroup file system it fails', async (t) => {
  const machine = makeMachine(t);
  const unmount = 'umount -R -l /sys/fs/cgroup && exec "$@"';
  const ran = await gc(machine, [], { under: [...machine.alone, 'sh', '-c', unmount, 'sh'] });
  t.is(ran.status, 125);
  assertRefused(t, ran, /no cgroup file system is mounted here/);
});

test.serial('rejects bad options', async (t) => {
  const machine = makeMachine(t);
  mkdirSync(`${machine.sandbox.memory}/kmem-run.lost`);
  const unknown = await gc(machine, ['--forse']);
  t.is(unknown.status, 125);
  assertRefused(t, unknown, /unknown option "--forse"/);
  t.regex(unknown.stderr, /did you mean --force\?/);
  for (const args of [['kmem-run.lost'], ['--force', '--', 'true'], ['--force', '--force'], ['--force=yes']]) {
    const ran = await gc(machine, args);
    t.is(ran.status, 125, args.join(' '));
    assertRefused(t, ran, /./);
  }
  t.true(existsSync(`${machine.sandbox.memory}/kmem-run.lost`));
  const help = await gc(machine, ['--help']);
  t.is(help.status, 0);
  t.regex(help.stdout, /^kmem-run gc \[options\]\n/);
});
