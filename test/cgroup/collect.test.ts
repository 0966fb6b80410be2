import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { collectLeftovers, type Fate, type LockState, type ProbeLocks } from '../../src/cgroup/collect.ts';
import { createGroup } from '../../src/cgroup/group.ts';
import { findGroups } from '../../src/cgroup/leftovers.ts';
import { type Lock, lockPath, openLock } from '../../src/cgroup/lock.ts';
import { removeGroup } from '../../src/cgroup/remove.ts';
import type { Group } from '../../src/cgroup/types.ts';
import {
  asMounts,
  joinsOf,
  makeSandbox,
  makeWithin,
  type Sandbox,
  startIn,
  stateOf,
  until,
  version,
} from './sandbox.ts';

/** util-linux replaces the native helper. Tests ignore the lock files of other runs. */
function probeOf({ id }: Sandbox): ProbeLocks {
  return async (paths) => new Map(paths.filter((path) => path.includes(id)).map((path) => [path, stateOfLock(path)]));
}

function stateOfLock(path: string): LockState {
  if (!existsSync(path)) return 'absent';
  return spawnSync('flock', ['-n', path, 'true']).status === 0 ? 'free' : 'held';
}

function hold(lock: Lock): void {
  spawnSync('flock', ['-n', '3'], { stdio: ['ignore', 'ignore', 'ignore', lock.fd] });
}

type Run = Readonly<{ id: string; group: Group; lock: Lock; pid: number }>;

/** A run as its runner leaves it when it is killed: directories, a process, a lock file that nobody holds. */
async function leave(
  t: ExecutionContext,
  sandbox: Sandbox,
  suffix: string,
  parent: string | null = null,
): Promise<Run> {
  const id = `${sandbox.id}-${suffix}`;
  const lock = openLock(id);
  t.teardown(() => lock.release());
  const group = createGroup({ id, hierarchies: sandbox.hierarchies, parent, pids: true });
  const { pid } = await startIn(t, joinsOf(group), ['sleep', '1000']);
  return { id, group, lock, pid };
}

/** On v2 by the directory alone; its leaves are not seen. */
function asFound(group: Omit<Group, 'version' | 'kmem'>): object {
  if (version === 1) return { ...group, uid: 0 };
  return { ...group, pids: group.memory, directories: [group.memory], uid: 0 };
}

function fateOf(fates: readonly Fate[], { id }: { id: string }): Fate | undefined {
  return fates.find(({ leftover }) => leftover.id === id);
}

test('groups are found by run, wherever they are, and nothing else is found', async (t) => {
  const sandbox = makeSandbox(t);
  const mine = makeWithin(sandbox, 'mine', 'deeper');
  for (const name of ['kmem-run', 'kmem-run.', 'kmem-run.a b', 'xkmem-run.a']) mkdirSync(`${sandbox.memory}/${name}`);
  const make = (id: string, parent: string | null = null) =>
    createGroup({ id, hierarchies: sandbox.hierarchies, parent, pids: true });
  const outer = make('outer');
  const inner = make('inner', outer.memory);
  const elsewhere = make('elsewhere', mine);
  const hierarchies = asMounts(sandbox.hierarchies);
  const found = new Map(findGroups(hierarchies).map((leftover) => [leftover.id, leftover]));
  t.deepEqual([...found.keys()].toSorted(), ['elsewhere', 'inner', 'outer']);
  for (const { version: _, kmem: __, ...group } of [outer, inner, elsewhere]) {
    t.deepEqual(found.get(group.id), asFound(group));
  }
  const own = findGroups(sandbox.hierarchies, { within: 'own' });
  const expected = [
    ['elsewhere', true],
    ['inner', true],
    ['outer', false],
  ];
  // On v1 the pids and unified directories of all three are in the own cgroups.
  t.deepEqual(
    own.map(({ id, memory }) => [id, memory === null]).toSorted(),
    version === 1 ? expected : expected.slice(2),
  );
  await removeGroup(outer);
  const half = findGroups(hierarchies).find(({ id }) => id === 'inner');
  // On v2 it was removed with the outer one.
  if (version === 1) t.is(half?.memory, null);
  t.is(half?.pids, version === 1 ? inner.pids : undefined);
});

test('a group is removed with its lock file if its lock is free, and left alone if it is held', async (t) => {
  const sandbox = makeSandbox(t);
  const dead = await leave(t, sandbox, 'dead');
  const alive = await leave(t, sandbox, 'alive');
  hold(alive.lock);
  // Force applies to absent locks, never to a live run.
  const { groups } = await collectLeftovers(asMounts(sandbox.hierarchies), probeOf(sandbox), { force: true });
  t.is(groups.length, 2);
  const removed = fateOf(groups, dead);
  t.is(removed?.fate, 'removed');
  t.deepEqual(removed?.processes, [{ pid: dead.pid, comm: 'sleep' }]);
  for (const directory of dead.group.directories) t.false(existsSync(directory));
  t.false(existsSync(dead.lock.path));
  await until(() => ['Z', null].includes(stateOf(dead.pid)));
  t.is(fateOf(groups, alive)?.fate, 'held');
  for (const directory of alive.group.directories) t.true(existsSync(directory));
  t.true(existsSync(alive.lock.path));
  t.is(stateOf(alive.pid), 'S');
});

test('a group without a lock is listed with its processes and removed only by force, even if empty', async (t) => {
  const sandbox = makeSandbox(t);
  const full = await leave(t, sandbox, 'full');
  full.lock.release();
  const empty = sandbox.group();
  const hierarchies = asMounts(sandbox.hierarchies);
  const { groups } = await collectLeftovers(hierarchies, probeOf(sandbox));
  t.deepEqual(
    groups.map(({ fate }) => fate),
    ['unjudged', 'unjudged'],
  );
  t.deepEqual(fateOf(groups, full)?.processes, [{ pid: full.pid, comm: 'sleep' }]);
  t.is(stateOf(full.pid), 'S');
  t.true(existsSync(empty.memory));
  const forced = await collectLeftovers(hierarchies, probeOf(sandbox), { force: true });
  t.deepEqual(
    forced.groups.map(({ fate }) => fate),
    ['removed', 'removed'],
  );
  t.deepEqual(findGroups(hierarchies), []);
});

test('a lock with no answer from the prober is treated as held', async (t) => {
  const sandbox = makeSandbox(t);
  const run = await leave(t, sandbox, 'a');
  const { groups } = await collectLeftovers(asMounts(sandbox.hierarchies), async () => new Map(), { force: true });
  t.is(fateOf(groups, run)?.fate, 'held');
  t.true(existsSync(run.group.memory));
});

test('a run that ends while locks are probed is not reported', async (t) => {
  const sandbox = makeSandbox(t);
  const run = await leave(t, sandbox, 'a');
  const ending: ProbeLocks = async (paths) => {
    await removeGroup(run.group);
    run.lock.release();
    return probeOf(sandbox)(paths);
  };
  t.deepEqual((await collectLeftovers(asMounts(sandbox.hierarchies), ending)).groups, []);
});

test('a dead run inside a live one is removed, and the live one is kept', async (t) => {
  const sandbox = makeSandbox(t);
  const outer = await leave(t, sandbox, 'outer');
  hold(outer.lock);
  const inner = await leave(t, sandbox, 'inner', outer.group.memory);
  const { groups } = await collectLeftovers(asMounts(sandbox.hierarchies), probeOf(sandbox));
  t.is(fateOf(groups, inner)?.fate, 'removed');
  t.is(fateOf(groups, outer)?.fate, 'held');
  t.is(stateOf(outer.pid), 'S');
});

test('the lock of a run that created its group and was killed meanwhile is kept for the next collector', async (t) => {
  const sandbox = makeSandbox(t);
  const lock = openLock(`${sandbox.id}-late`);
  t.teardown(() => lock.release());
  utimesSync(lock.path, 0, 0);
  const probe = probeOf(sandbox);
  const whileCreated: ProbeLocks = (paths) => {
    createGroup({ id: `${sandbox.id}-late`, hierarchies: sandbox.hierarchies, parent: null, pids: false });
    return probe(paths);
  };
  const first = await collectLeftovers(sandbox.hierarchies, whileCreated);
  t.deepEqual(first.locks, []);
  t.true(existsSync(lock.path));
  const second = await collectLeftovers(sandbox.hierarchies, probe);
  t.is(fateOf(second.groups, { id: `${sandbox.id}-late` })?.fate, 'removed');
  t.false(existsSync(lock.path));
});

test('old lock files without a group are removed, new and held ones kept', async (t) => {
  const sandbox = makeSandbox(t);
  const names = ['old', 'young', 'held', 'empty'];
  const [old, young, held, empty] = names.map((name) => openLock(`${sandbox.id}-${name}`));
  if (!old || !young || !held || !empty) return t.fail();
  t.teardown(() => [old, young, held, empty].forEach((lock) => void lock.release()));
  hold(held);
  const hourAgo = Date.now() / 1000 - 3600;
  for (const { path } of [old, held]) utimesSync(path, hourAgo, hourAgo);
  for (const { path } of [young, empty]) writeFileSync(path, '');
  const someSecondsAgo = Date.now() / 1000 - 5;
  utimesSync(empty.path, someSecondsAgo, someSecondsAgo);
  const { locks } = await collectLeftovers(asMounts(sandbox.hierarchies), probeOf(sandbox));
  t.deepEqual(locks.toSorted(), [`${sandbox.id}-empty.lock`, `${sandbox.id}-old.lock`]);
  t.false(existsSync(old.path));
  t.true(existsSync(young.path));
  t.true(existsSync(held.path));
});

test('a lock file is removed at once if its creator was killed', async (t) => {
  const sandbox = makeSandbox(t);
  const id = `${sandbox.id}-killed`;
  t.teardown(() => rmSync(lockPath(id, 0), { force: true }));
  const module = new URL('../../src/cgroup/lock.ts', import.meta.url).href;
  const script = `import(${JSON.stringify(module)}).then(({ openLock }) => { openLock('${id}'); process.kill(process.pid, 'SIGKILL'); })`;
  t.is(spawnSync(process.execPath, ['-e', script]).signal, 'SIGKILL');
  t.true(existsSync(lockPath(id, 0)));
  const { locks } = await collectLeftovers(asMounts(sandbox.hierarchies), probeOf(sandbox));
  t.deepEqual(locks, [`${id}.lock`]);
  t.false(existsSync(lockPath(id, 0)));
});

test('a lock folder that its user replaces with a link is not followed', async (t) => {
  const sandbox = makeSandbox(t);
  const uid = 3_100_000_000 + process.pid;
  const [directory, victim] = [`/tmp/kmem-run-${uid}`, mkdtempSync(join(tmpdir(), 'kmem-test-'))];
  t.teardown(() =>
    [directory, `${directory}.away`, victim].forEach((at) => void rmSync(at, { recursive: true, force: true })),
  );
  mkdirSync(directory, { mode: 0o700 });
  const name = `${sandbox.id}-theirs`;
  for (const folder of [directory, victim]) writeFileSync(join(folder, `${name}.lock`), '');
  const group = `${sandbox.memory}/kmem-run.${name}`;
  mkdirSync(group);
  for (const path of [directory, group]) chownSync(path, uid, uid);
  const exchanging: ProbeLocks = async (paths) => {
    const states = await probeOf(sandbox)(paths);
    renameSync(directory, `${directory}.away`);
    symlinkSync(victim, directory);
    return states;
  };
  const { groups } = await collectLeftovers(asMounts(sandbox.hierarchies), exchanging);
  t.is(fateOf(groups, { id: name })?.fate, 'removed');
  t.deepEqual(readdirSync(victim), [`${name}.lock`]);
  t.deepEqual(readdirSync(`${directory}.away`), []);
});

test('another user’s lock for a group of the same name does not affect a run', async (t) => {
  const sandbox = makeSandbox(t);
  const run = await leave(t, sandbox, 'mine', makeWithin(sandbox, 'mine', 'deeper'));
  hold(run.lock);
  const uid = 3_200_000_000 + process.pid;
  // Found before the run's own, and its lock is free.
  const [theirs, locks] = [`${sandbox.memory}/kmem-run.${run.id}`, `/tmp/kmem-run-${uid}`];
  t.teardown(() => rmSync(locks, { recursive: true }));
  mkdirSync(theirs);
  mkdirSync(locks, { mode: 0o700 });
  writeFileSync(join(locks, `${run.id}.lock`), '');
  for (const path of [theirs, locks]) chownSync(path, uid, uid);
  const { groups } = await collectLeftovers(asMounts(sandbox.hierarchies), probeOf(sandbox));
  t.deepEqual(groups.map(({ fate, leftover }) => [leftover.uid, fate]).toSorted(), [
    [0, 'held'],
    [uid, 'removed'],
  ]);
  t.is(stateOf(run.pid), 'S');
  t.false(existsSync(theirs));
});

test('the leftovers of a run whose group could not be removed are found by its lock', async (t) => {
  const sandbox = makeSandbox(t);
  const { lock, group, id } = await leave(t, sandbox, 'left');
  lock.release(group);
  t.true(existsSync(lock.path));
  const { groups } = await collectLeftovers(asMounts(sandbox.hierarchies), probeOf(sandbox));
  t.is(fateOf(groups, { id })?.fate, 'removed');
  t.false(existsSync(lock.path));
});

/** Each run's lock has the state that its id encodes; lock files of other runs are ignored. */
const byId: ProbeLocks = async (paths) => {
  const states: readonly LockState[] = ['free', 'held', 'absent'];
  return new Map(
    paths.flatMap((path): [string, LockState][] => {
      const state = states.find((one) => path.includes(`-${one}`));
      return state === undefined ? [] : [[path, state]];
    }),
  );
};

test('a dry run reports the same fates but removes nothing', async (t) => {
  const sandbox = makeSandbox(t);
  const groupOf = (suffix: string) => `${sandbox.memory}/kmem-run.${sandbox.id}-${suffix}`;
  for (const suffix of ['free', 'held', 'absent', 'unknown']) mkdirSync(groupOf(suffix));
  const { pid } = await startIn(t, [groupOf('free')], ['sleep', '1000']);
  const collect = async (dryRun: boolean) => {
    const { groups } = await collectLeftovers(asMounts(sandbox.hierarchies), byId, { dryRun });
    return Object.fromEntries(groups.map((group) => [group.leftover.id.split('-').at(-1), group]));
  };
  const judged = await collect(true);
  const fates = { free: 'removable', held: 'held', absent: 'unjudged', unknown: 'held' };
  t.like(judged, Object.fromEntries(Object.entries(fates).map(([suffix, fate]) => [suffix, { fate }])));
  t.deepEqual(judged.free?.processes, [{ pid, comm: 'sleep' }]);
  for (const suffix of Object.keys(fates)) t.true(existsSync(groupOf(suffix)), suffix);
  t.is(stateOf(pid), 'S');

  const collected = await collect(false);
  t.is(collected.free?.fate, 'removed');
  for (const suffix of ['held', 'absent', 'unknown']) t.is(collected[suffix]?.fate, judged[suffix]?.fate, suffix);
});

test('a dead run that is found only in part is removed everywhere, along with its lock', async (t) => {
  const sandbox = makeSandbox(t);
  const mine = makeWithin(sandbox, 'mine', 'deeper');
  const run = await leave(t, sandbox, 'a', mine);
  // On v1 its unified and pids directories are beside the runner; on v2 it is in the parent alone.
  const where = { within: 'own', parent: version === 1 ? null : mine } as const;
  const { groups } = await collectLeftovers(sandbox.hierarchies, probeOf(sandbox), where);
  t.is(fateOf(groups, run)?.fate, 'removed');
  for (const directory of run.group.directories) t.false(existsSync(directory), directory);
  t.false(existsSync(run.lock.path));
});

test('the specified parent is searched, too', (t) => {
  const sandbox = makeSandbox(t);
  const mine = makeWithin(sandbox, 'mine', 'deeper');
  const group = createGroup({ id: `${sandbox.id}-a`, hierarchies: sandbox.hierarchies, parent: mine, pids: false });
  const found = findGroups(sandbox.hierarchies, { within: 'own', parent: mine });
  t.is(found.find(({ id }) => id === group.id)?.memory, group.memory);
  t.deepEqual(
    findGroups(sandbox.hierarchies, { within: 'own', parent: `${mine}/absent` }).map(({ memory }) => memory),
    version === 1 ? [null] : [],
  );
});
