import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { createGroup } from '../../src/cgroup/group.ts';
import { readHierarchies } from '../../src/cgroup/hierarchies.ts';
import { DEADLINE_MS, killGroup, killUntil } from '../../src/cgroup/kill.ts';
import { processesOf } from '../../src/cgroup/processes.ts';
import { removeGroup } from '../../src/cgroup/remove.ts';
import type { Group, GroupDirectories } from '../../src/cgroup/types.ts';
import { errnoOf, SetupError } from '../../src/errors.ts';
import { slowness } from '../needs.ts';
import {
  asGroup,
  joinsOf,
  MOST_PROCESSES,
  makeFreezer,
  makeSandbox,
  NOBODY,
  nextLine,
  startIn,
  stateOf,
  until,
  version,
  without,
} from './sandbox.ts';

function isDead(pid: number) {
  return ['Z', null].includes(stateOf(pid));
}

function gone(t: ExecutionContext, group: GroupDirectories): void {
  for (const directory of group.directories) t.false(existsSync(directory), directory);
}

/** The means available to the kill: cgroup.kill; a pids limit; only signals. */
const KINDS: readonly [string, (group: Group) => Group][] =
  version === 2
    ? [
        ['v2', (group) => group],
        ['v2 before 5.14', (group) => ({ ...group, unified: null })],
      ]
    : [
        ['hybrid', (group) => group],
        ['v1 with pids', (group) => without(group, 'unified')],
        ['v1 with memory only', (group) => without(group, 'unified', 'pids')],
      ];

/** If the freezer is v2's own, there is no other. */
function freezerTest(title: string, body: (t: ExecutionContext) => Promise<void>): void {
  if (version === 1) test(title, body);
}

function isRemoved(path: string): boolean {
  try {
    rmdirSync(path);
    return true;
  } catch (error) {
    return errnoOf(error) === 'ENOENT';
  }
}

/** Creates nested groups in the group's memory directory; returns descriptors of all, the deepest last. */
function nest(t: ExecutionContext, { memory }: Group, depth: number, name: string): number[] {
  const opened = [openSync(memory, constants.O_DIRECTORY)];
  for (let level = 0; level < depth; level += 1) {
    const path = `/proc/self/fd/${opened.at(-1)}/${name}`;
    mkdirSync(path);
    opened.push(openSync(path, constants.O_DIRECTORY));
  }
  t.teardown(async () => {
    // Left by a failed test; any process in it is being killed by then.
    for (const [index, fd] of [...opened.entries()].toReversed()) {
      closeSync(fd);
      if (index > 0) await until(() => isRemoved(`/proc/self/fd/${opened[index - 1]}/${name}`));
    }
  });
  return opened;
}

test('nested groups are removed however deep they are, and however long their paths', async (t) => {
  for (const [depth, name] of [
    [80, 'd'],
    [22, 'd'.repeat(200)],
  ] as const) {
    const group = makeSandbox(t).group();
    const deepest = nest(t, group, depth, name).at(-1);
    const { pid } = await startIn(t, [`/proc/${process.pid}/fd/${deepest}`], ['sleep', '1000']);
    await removeGroup(group);
    gone(t, group);
    await until(() => isDead(pid));
  }
});

for (const [kind, seen] of KINDS) {
  test.serial(`${kind}: a fork bomb is killed`, async (t) => {
    const sandbox = makeSandbox(t);
    const made = sandbox.group();
    const group = seen(made);
    // The sandbox's pids limit, outside the group, keeps the bomb bounded. An emulated microVM copes with fewer
    // processes.
    const most = version === 2 ? 60 : MOST_PROCESSES;
    writeFileSync(`${sandbox.pids}/pids.max`, String(most));
    await startIn(t, joinsOf(made), ['perl', '-e', 'fork while 1']);
    await until(() => processesOf(made).length > 0.75 * most);
    // Beside other tests, a bomb without a pids limit of its own is faster than we are for a while.
    await killGroup(group, { deadlineMs: 6 * DEADLINE_MS * slowness });
    t.deepEqual(processesOf(made), []);
    await removeGroup(made);
    gone(t, made);
  });

  test(`${kind}: stopped processes are killed`, async (t) => {
    const group = makeSandbox(t).group();
    const child = await startIn(t, joinsOf(group), ['sh', '-c', 'kill -STOP $$; sleep 1000']);
    await until(() => stateOf(child.pid) === 'T');
    await killGroup(seen(group));
    await until(() => child.signalCode !== null);
    t.is(child.signalCode, 'SIGKILL');
  });

  test(`${kind}: a process frozen by cgroup.freeze is killed`, async (t) => {
    const group = makeSandbox(t).group();
    const child = await startIn(t, joinsOf(group), ['sleep', '1000']);
    writeFileSync(`${group.unified}/cgroup.freeze`, '1');
    await until(() => readFileSync(`${group.unified}/cgroup.events`, 'latin1').includes('frozen 1'));
    await killGroup(seen(group));
    await until(() => isDead(child.pid));
    await removeGroup(group);
    gone(t, group);
  });

  freezerTest(
    `${kind}: a process frozen by a v1 freezer is killed, and others in that freezer stay frozen`,
    async (t) => {
      const group = makeSandbox(t).group();
      const freezer = makeFreezer(t);
      const bystander = await startIn(t, [freezer], ['sleep', '1000']);
      const child = await startIn(t, [...group.directories, freezer], ['sleep', '1000']);
      writeFileSync(`${freezer}/freezer.state`, 'FROZEN');
      await until(() => readFileSync(`${freezer}/freezer.state`, 'latin1') === 'FROZEN\n');
      await removeGroup(seen(group));
      await until(() => isDead(child.pid));
      gone(t, seen(group));
      t.is(readFileSync(`${freezer}/freezer.state`, 'latin1'), 'FROZEN\n');
      t.is(readFileSync(`${freezer}/cgroup.procs`, 'latin1'), `${bystander.pid}\n`);
      await removeGroup(group);
    },
  );

  test(`${kind}: nested groups are removed with their processes`, async (t) => {
    const made = makeSandbox(t).group();
    const group = seen(made);
    const places = joinsOf(group);
    const deep = places.map((directory) => `${directory}/a/b/c`);
    for (const directory of deep) mkdirSync(directory, { recursive: true });
    for (const directory of places) mkdirSync(`${directory}/d`);
    const child = await startIn(t, deep, ['sleep', '1000']);
    await removeGroup(group);
    await until(() => isDead(child.pid));
    gone(t, group);
    await removeGroup(made);
  });
}

test('empty, half-removed and already removed groups are handled', async (t) => {
  const group = makeSandbox(t).group();
  await removeGroup(asGroup('half', [group.directories.at(-1) ?? '']));
  t.false(existsSync(group.directories.at(-1) ?? ''));
  await removeGroup(group);
  gone(t, group);
  await removeGroup(group);
  await killGroup(group);
});

test('a process that left some of the directories is still killed', async (t) => {
  // v2 accepts processes in leaves only.
  for (const index of version === 2 ? [1, 2] : [0, 1, 2]) {
    const group = makeSandbox(t).group();
    const child = await startIn(t, [String(group.directories[index])], ['sleep', '1000']);
    await removeGroup(group);
    await until(() => isDead(child.pid));
    gone(t, group);
  }
});

// Uses plain files: no real process is so slow to exit.
test.serial('a kill keeps waiting past its deadline while processes are exiting', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'kmem-run-kill-'));
  t.teardown(() => rmSync(directory, { recursive: true, force: true }));
  const absent = [4_194_298, 4_194_299, 4_194_300, 4_194_301, 4_194_302, 4_194_303];
  const list = () => writeFileSync(`${directory}/cgroup.procs`, absent.map((pid) => `${pid}\n`).join(''));
  const go = () => {
    absent.pop();
    list();
  };
  list();
  const killed = killUntil(asGroup('slow', [directory]), performance.now() + 1000);
  go();
  const going = setInterval(go, 400);
  t.teardown(() => clearInterval(going));
  t.deepEqual(await killed, []);
  t.deepEqual(absent, []);
});

test('daemons that nobody waits for are killed', async (t) => {
  const group = makeSandbox(t).group();
  const child = await startIn(t, joinsOf(group), ['sh', '-c', 'setsid sleep 1000 & setsid sleep 1000 & echo forked']);
  await nextLine(child);
  await until(() => child.exitCode !== null);
  t.is(processesOf(group).length, 2);
  await removeGroup(group);
  gone(t, group);
});

// No kill touches this process. It is in the memory group alone, where only signals reach it.
test.serial('processes left at the deadline are named with pid, comm and state', async (t) => {
  const { hierarchies, memory, id } = makeSandbox(t);
  const made = createGroup({ id, hierarchies, parent: memory, pids: false });
  const group: Group = version === 2 ? { ...made, unified: null, pids: null } : without(made, 'unified');
  const [place = ''] = joinsOf(group);
  const home = `${readHierarchies().memory?.own}/cgroup.procs`;
  t.teardown(() => writeFileSync(home, String(process.pid)));
  writeFileSync(`${place}/cgroup.procs`, String(process.pid));
  const killed = await t.throwsAsync(killGroup(group, { deadlineMs: 50 }), { instanceOf: SetupError });
  t.is((killed as SetupError).code, 'group-not-killed');
  const error = (await t.throwsAsync(removeGroup(group, { deadlineMs: 50 }), { instanceOf: SetupError })) as SetupError;
  t.is(error.code, 'group-not-removed');
  t.true(error.message.includes(`${place} (EBUSY)`), error.message);
  t.true(error.message.includes(`process ${process.pid} (`), error.message);
  t.regex(error.message, /state R/);
  t.regex(error.hint, /kmem-run gc/);
  writeFileSync(home, String(process.pid));
  await removeGroup(group);
});

test.serial('directories that cannot be removed are named', async (t) => {
  const group = makeSandbox(t).group();
  process.seteuid?.(NOBODY);
  const attempt = t.throwsAsync(removeGroup(group, { deadlineMs: 20 }), { instanceOf: SetupError });
  const error = (await attempt.finally(() => process.seteuid?.(0))) as SetupError;
  t.is(error.code, 'group-not-removed');
  for (const directory of group.directories) t.true(error.message.includes(`${directory} (EACCES)`), error.message);
  t.regex(error.message, /it contains no process/);
  t.regex(error.hint, /as the user who owns/);
});
