/**
 * Groups, limits and counters on cgroup v2, if the memory controller is on v2; otherwise this very file runs in a
 * microVM that has it there, together with the files that apply to both versions.
 */

import { execFileSync } from 'node:child_process';
import { chownSync, existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import anyTest, { type ExecutionContext } from 'ava';
import { kmemOf, readCounters, readCpu } from '../../src/cgroup/counters.ts';
import { joinLeaf, runLeaf } from '../../src/cgroup/files.ts';
import { createGroup } from '../../src/cgroup/group.ts';
import { applyLimits, readAncestorLimits } from '../../src/cgroup/limits.ts';
import { removeGroup } from '../../src/cgroup/remove.ts';
import { openSampler } from '../../src/cgroup/sampler.ts';
import type { Hierarchies } from '../../src/cgroup/types.ts';
import { SetupError } from '../../src/errors.ts';
import type { Limits } from '../../src/request/run-spec.ts';
import {
  asMounts,
  asUser,
  delegate,
  joinsOf,
  MOST_PROCESSES,
  makeSandbox,
  makeWithin,
  NOBODY,
  nextLine,
  type Sandbox,
  startIn,
  until,
  version,
} from '../cgroup/sandbox.ts';
import { passInside } from './v2-guest.ts';

const M = 1_048_576;
const NONE: Limits = { kmem: null, mem: null, memsw: null, kmemTcp: null, pids: null };
const GATE = { native: false };
const SOCKETS = 300;
const OPEN_SOCKETS = `$| = 1; print "up\\n"; <STDIN>;
  for (1..${SOCKETS}) { socket($kept[$_], AF_UNIX, SOCK_DGRAM, 0) or die $! }
  print "opened\\n"; <STDIN>`;
/** One guest for all: booting it and starting Node in it takes as long as the tests of a file. */
const FILES = ['vm/v2-cgroup', 'vm/v2-fresh', 'cgroup/counters', 'cgroup/remove', 'cgroup/processes', 'cgroup/collect'];

const test = anyTest.serial;
if (version === 2) {
  testGroups();
  testLimits();
  testCounters();
} else {
  test('groups, limits and counters on cgroup v2, and where the gate denies, in a microVM', async (t) => {
    await passInside(t, { kernel: '6.12', files: FILES.map((name) => `test/${name}.test.ts`) });
  });
}

function refused(t: ExecutionContext, work: () => unknown, code: string, message: RegExp): SetupError {
  const error = t.throws(work, { instanceOf: SetupError }) as SetupError;
  t.is(error.code, code, error.message);
  t.regex(error.message, message);
  t.notRegex(error.message + error.hint, /\n/);
  return error;
}

/** The sandbox's hierarchies as seen by a process in another of its cgroups. */
function seenFrom(own: string, { hierarchies }: Sandbox): Hierarchies {
  const { memory } = hierarchies;
  if (memory === null) throw new Error('no memory hierarchy');
  const unified = { ...memory, own };
  return { layout: 'v2', memory: unified, unified, pids: unified };
}

function testGroups(): void {
  test('a group is one directory with two leaves, and is removed without a trace', async (t) => {
    const { memory, hierarchies } = makeSandbox(t);
    const group = createGroup({ id: 'a', hierarchies, parent: null, pids: false });
    const path = `${memory}/kmem-run.a`;
    t.deepEqual(group, {
      id: 'a',
      name: 'kmem-run.a',
      version: 2,
      memory: path,
      kmem: null,
      unified: path,
      pids: runLeaf(path),
      directories: [path, joinLeaf(path), runLeaf(path)],
    });
    await removeGroup(group);
    t.false(existsSync(path));
  });

  test('the cgroup of the runner has processes: the group is made beside it, and nobody is moved', async (t) => {
    const sandbox = makeSandbox(t);
    const [runner = ''] = sandbox.joins;
    const child = await startIn(t, [runner], ['sleep', '1000']);
    const group = createGroup({ id: 'a', hierarchies: seenFrom(runner, sandbox), parent: null, pids: true });
    t.is(group.memory, `${sandbox.memory}/kmem-run.a`);
    t.is(readFileSync(`${runner}/cgroup.procs`, 'latin1'), `${child.pid}\n`);
    t.is(readFileSync(`${runner}/cgroup.subtree_control`, 'latin1').trim(), '');
  });

  test('a cgroup without processes is made to hand its controllers down', (t) => {
    const sandbox = makeSandbox(t);
    const own = `${sandbox.memory}/own`;
    mkdirSync(own);
    const group = createGroup({ id: 'a', hierarchies: seenFrom(own, sandbox), parent: null, pids: true });
    t.is(group.memory, `${own}/kmem-run.a`);
    t.is(readFileSync(`${own}/cgroup.subtree_control`, 'latin1'), 'memory pids\n');
  });

  test('where nothing can be handed down the reason is told, and the remedy works', async (t) => {
    const sandbox = makeSandbox(t);
    const own = `${sandbox.memory}/own`;
    mkdirSync(own);
    await startIn(t, [own], ['sleep', '1000']);
    const make = () => createGroup({ id: 'a', hierarchies: sandbox.hierarchies, parent: own, pids: true });
    const { hint } = refused(
      t,
      make,
      'group-not-made',
      /own cannot delegate the memory controller, because it has processes/,
    );
    execFileSync('sh', ['-c', hint.slice(hint.indexOf('mkdir'))]);
    t.is(make().memory, `${own}/kmem-run.a`);
  });

  test('without the pids controller a limit of processes is refused, and a group without one is made', (t) => {
    const sandbox = makeSandbox(t);
    const own = `${sandbox.memory}/own`;
    writeFileSync(`${sandbox.memory}/cgroup.subtree_control`, '-pids');
    mkdirSync(own);
    const make = (id: string, pids: boolean, hierarchies: Hierarchies) =>
      createGroup({ id, hierarchies, parent: own, pids });
    // As a container sees it: nothing above its own.
    const alone = asMounts(seenFrom(own, sandbox));
    const reason = /--pids cannot be enforced: .*own has no pids controller to delegate/;
    refused(t, () => make('a', true, alone), 'no-pids-controller', reason);
    t.false(existsSync(`${own}/kmem-run.a`));
    t.is(make('b', false, alone).pids, null);
    // If the cgroup above can delegate the controller, it is made to.
    t.is(make('c', true, sandbox.hierarchies).pids, `${own}/kmem-run.c/run`);
  });

  test('a second group of the same id is refused, and a group that cannot be finished leaves nothing', (t) => {
    const sandbox = makeSandbox(t);
    const group = sandbox.group();
    refused(t, () => sandbox.group(), 'group-not-made', /EEXIST/);
    for (const directory of group.directories) t.true(existsSync(directory));
    const shallow = makeWithin(sandbox, 'shallow');
    writeFileSync(`${shallow}/cgroup.max.depth`, '1');
    const make = () => createGroup({ id: 'a', hierarchies: sandbox.hierarchies, parent: shallow, pids: true });
    t.throws(make, { message: /EAGAIN/ });
    t.false(existsSync(`${shallow}/kmem-run.a`));
  });

  test('not root: no permission, and the way that needs none; a cgroup that is owned serves', (t) => {
    const sandbox = makeSandbox(t);
    const make = (parent: string | null) => () =>
      asUser(NOBODY, () => createGroup({ id: 'a', hierarchies: sandbox.hierarchies, parent, pids: true }));
    const error = refused(t, make(null), 'no-permission', /kmem-run cannot move processes/);
    t.regex(error.hint, /delegate a cgroup to yourself.* sudo sh -c '.*--kernel NAME.*run as root/);
    const mine = makeWithin(sandbox, 'mine');
    chownSync(mine, NOBODY, NOBODY);
    refused(t, make(mine), 'no-permission', /kmem-run cannot move processes/);
    delegate(sandbox, mine, NOBODY);
    t.is(make(mine)().memory, `${mine}/kmem-run.a`);
  });

  test('not root, in a busy cgroup that is owned: what needs no sudo comes first', async (t) => {
    const sandbox = makeSandbox(t);
    const own = `${sandbox.memory}/own`;
    mkdirSync(own);
    for (const file of ['', '/cgroup.procs', '/cgroup.subtree_control']) chownSync(own + file, NOBODY, NOBODY);
    await startIn(t, [own], ['sleep', '1000']);
    const hierarchies = seenFrom(own, sandbox);
    const make = () => asUser(NOBODY, () => createGroup({ id: 'a', hierarchies, parent: null, pids: false }));
    const { hint } = refused(
      t,
      make,
      'no-permission',
      /because it has processes \(EBUSY\); kmem-run cannot move processes/,
    );
    t.regex(hint, /^move them into a cgroup of their own: mkdir \S+\/own\/init && .*; or delegate a cgroup/);
  });

  test('--parent that is no cgroup of this hierarchy is refused', async (t) => {
    const sandbox = makeSandbox(t);
    const make = (parent: string) => () =>
      createGroup({ id: 'a', hierarchies: sandbox.hierarchies, parent, pids: false });
    refused(t, make('/proc'), 'bad-parent', /not in a cgroup file system/);
    refused(t, make(`${sandbox.memory}/absent`), 'bad-parent', /ENOENT/);
    const [runner = ''] = sandbox.joins;
    mkdirSync(`${runner}/inner`);
    t.teardown(() => rmdirSync(`${runner}/inner`));
    await startIn(t, [runner], ['sleep', '1000']);
    // One that could have the controller if there were no processes above.
    refused(t, make(`${runner}/inner`), 'group-not-made', /because it has processes/);
    // If nothing prevents it, it is delegated to the named parent.
    const nested = `${sandbox.memory}/outer/inner`;
    mkdirSync(nested, { recursive: true });
    t.is(make(nested)().memory, `${nested}/kmem-run.a`);
  });
}

function testLimits(): void {
  test('every limit is in the kernel, and returned as the kernel has it', (t) => {
    const group = makeSandbox(t).group();
    const read = (file: string) => readFileSync(file, 'latin1').trim();
    const swaps = existsSync(`${group.memory}/memory.swap.max`);
    const limits: Limits = { ...NONE, mem: 64 * M + 1, memsw: swaps ? 96 * M : null, pids: 17 };
    t.deepEqual(applyLimits(group, limits, GATE), { ...limits, mem: 64 * M });
    t.is(read(`${group.memory}/memory.max`), String(64 * M));
    if (swaps) t.is(read(`${group.memory}/memory.swap.max`), String(32 * M));
    t.is(read(`${runLeaf(group.memory)}/pids.max`), '17');
  });

  test('memory and swap together without a limit of memory: no swap', (t) => {
    const group = makeSandbox(t).group();
    t.deepEqual(applyLimits(group, { ...NONE, memsw: 8 * M }, GATE), { ...NONE, memsw: 8 * M });
    t.is(readFileSync(`${group.memory}/memory.max`, 'latin1'), `${8 * M}\n`);
    t.is(readFileSync(`${group.memory}/memory.swap.max`, 'latin1'), '0\n');
  });

  test('what v2 cannot limit is refused', (t) => {
    const group = makeSandbox(t).group();
    const apply =
      (limits: Partial<Limits>, native = false) =>
      () =>
        applyLimits(group, { ...NONE, ...limits }, { native });
    refused(t, apply({ kmemTcp: M }), 'limit-not-set', /no limit on TCP buffers/);
    refused(t, apply({ kmem: M }, true), 'native-not-enforced', /cgroup v2 has no limit on kernel memory/);
    refused(t, apply({ mem: 8 * M, memsw: 4 * M }), 'limit-not-set', /is below the limit on memory/);
  });

  test('a limit whose file is missing is an error, never a limit that is silently absent', (t) => {
    const { memory, hierarchies, id } = makeSandbox(t);
    const group = createGroup({ id, hierarchies, parent: memory, pids: false });
    // A leaf has none of the memory files.
    const missing = { ...group, memory: runLeaf(group.memory), pids: null };
    for (const limits of [{ mem: M }, { memsw: M }])
      refused(t, () => applyLimits(missing, { ...NONE, ...limits }, GATE), 'limit-not-set', /ENOENT/);
    refused(t, () => applyLimits(missing, { ...NONE, pids: 3 }, GATE), 'limit-not-set', /in a pids hierarchy/);
  });

  test('limits of ancestors are told, nearest first, and unlimited ones left out', (t) => {
    const sandbox = makeSandbox(t);
    const mine = makeWithin(sandbox, 'mine');
    const group = createGroup({ id: 'a', hierarchies: sandbox.hierarchies, parent: mine, pids: true });
    applyLimits(group, { ...NONE, mem: M }, GATE);
    writeFileSync(`${mine}/memory.max`, String(512 * M));
    t.deepEqual(readAncestorLimits(group), [
      { directory: mine, controller: 'memory', file: 'memory.max', limit: 512 * M },
      { directory: sandbox.memory, controller: 'pids', file: 'pids.max', limit: MOST_PROCESSES },
    ]);
  });
}

function testCounters(): void {
  test('a new group has counted nothing yet', (t) => {
    const group = makeSandbox(t).group();
    const { kmem, mem, kmemTcp, pids } = readCounters(group);
    t.deepEqual(kmem, { usage: 0, maxUsage: null, failcnt: null });
    t.deepEqual(mem, { usage: 0, maxUsage: 0, failcnt: 0, oomKills: 0 });
    t.is(kmemTcp?.usage, 0);
    t.deepEqual(pids, { current: 0, max: 0, failcnt: 0 });
    t.deepEqual(readCpu(group), { userMs: 0, systemMs: 0 });
  });

  test('sockets are kernel memory, and are seen at once', async (t) => {
    const group = makeSandbox(t).group();
    const sampler = openSampler(group);
    t.teardown(() => sampler.close());
    const child = await startIn(t, joinsOf(group), ['perl', '-MSocket', '-e', OPEN_SOCKETS]);
    t.is(await nextLine(child), 'up');
    const before = readCounters(group).kmem.usage ?? 0;
    child.stdin?.write('\n');
    t.is(await nextLine(child), 'opened');
    const opened = readCounters(group);
    t.true((opened.kmem.usage ?? 0) - before >= SOCKETS * 2000, `${before} ${opened.kmem.usage}`);
    t.true((opened.mem.usage ?? 0) >= (opened.kmem.usage ?? 0));
    t.is(opened.pids?.current, 1);
    const sample = sampler.read();
    t.is(sample.processes, 1);
    t.true(Math.abs((sample.kmem ?? 0) - (opened.kmem.usage ?? 0)) <= 64 * 1024);
    child.stdin?.end('\n');
    await until(() => child.exitCode !== null);
    await until(() => (readCounters(group).kmem.usage ?? 0) < before + SOCKETS * 1000);
    await removeGroup(group);
    t.deepEqual(sampler.read(), { kmem: null, mem: null, processes: null });
    const unread = { usage: null, maxUsage: null, failcnt: null };
    t.deepEqual(readCounters(group), {
      kmem: unread,
      mem: { ...unread, oomKills: null },
      memsw: null,
      kmemTcp: null,
      pids: { current: null, max: null, failcnt: null },
    });
  });

  test('failures of memory and of forks are counted', async (t) => {
    const group = makeSandbox(t).group();
    applyLimits(group, { ...NONE, mem: 8 * M, memsw: 8 * M, pids: 2 }, GATE);
    const forker = await startIn(t, joinsOf(group), ['sh', '-c', 'sleep 1000 & sleep 1000 & wait']);
    await until(() => forker.exitCode !== null);
    t.true((readCounters(group).pids?.failcnt ?? 0) >= 1);
    const eater = await startIn(t, joinsOf(group), ['perl', '-e', '$x = "x" x (64 << 20); sleep 1000']);
    await until(() => eater.signalCode !== null);
    const { mem, memsw } = readCounters(group);
    t.is(mem.oomKills, 1);
    t.true((mem.failcnt ?? 0) >= 1);
    t.true((mem.maxUsage ?? 0) <= 8 * M);
    t.is(memsw?.maxUsage, null);
  });

  test('kernel memory where the kernel does not add it up: its parts, or nothing where some are not told', (t) => {
    const parts = 'anon 5\nkernel_stack 16\npagetables 32\npercpu 1\nsock 1000\nslab 64\n';
    t.is(kmemOf(parts), 113);
    t.is(kmemOf(`${parts}vmalloc 2\n`), 115);
    t.is(kmemOf(`kernel 7\n${parts}`), 7);
    t.is(kmemOf(parts.replace('pagetables 32\n', '')), null);
    t.is(kmemOf(''), null);
  });
}
