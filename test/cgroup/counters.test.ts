import { mkdirSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { readCounters, readCpu } from '../../src/cgroup/counters.ts';
import { applyLimits } from '../../src/cgroup/limits.ts';
import { removeGroup } from '../../src/cgroup/remove.ts';
import { openSampler } from '../../src/cgroup/sampler.ts';
import type { Group } from '../../src/cgroup/types.ts';
import { where } from '../needs.ts';
import { joinsOf, makeSandbox, nextLine, startIn, until, version, without } from './sandbox.ts';

/** Behaviour specific to v1; test/vm/v2-cgroup.test.ts covers v2. */
const v1Test = where(version === 1, 'cgroup v1', test);

const M = 1_048_576;
const NONE = { kmem: null, mem: null, memsw: null, kmemTcp: null, pids: null };
const SOCKETS = 300;
const OPEN_SOCKETS = `$| = 1; print "up\\n"; <STDIN>;
  for (1..${SOCKETS}) { socket($kept[$_], AF_INET, SOCK_DGRAM, 0) or die $! }
  print "opened\\n"; <STDIN>`;

v1Test('a new group has counted nothing yet', (t) => {
  const group = makeSandbox(t).group();
  const zero = { usage: 0, maxUsage: 0, failcnt: 0 };
  t.deepEqual(readCounters(group), {
    kmem: zero,
    mem: { ...zero, oomKills: 0 },
    memsw: zero,
    kmemTcp: zero,
    pids: { current: 0, max: 0, failcnt: 0 },
  });
});

v1Test('sockets count as kernel memory, and the peak remains after they are closed', async (t) => {
  const group = makeSandbox(t).group();
  const child = await startIn(t, group.directories, ['perl', '-MSocket', '-e', OPEN_SOCKETS]);
  t.is(await nextLine(child), 'up');
  const before = readCounters(group).kmem;
  child.stdin?.write('\n');
  t.is(await nextLine(child), 'opened');
  const opened = readCounters(group);
  t.true((opened.kmem.usage ?? 0) - (before.usage ?? 0) >= SOCKETS * 2000);
  t.true((opened.mem.usage ?? 0) >= (opened.kmem.usage ?? 0));
  t.is(opened.pids?.current, 1);
  child.stdin?.end('\n');
  await until(() => child.exitCode !== null);
  await until(() => (readCounters(group).kmem.usage ?? 0) < (before.usage ?? 0) + SOCKETS * 1000);
  t.true((readCounters(group).kmem.maxUsage ?? 0) >= (opened.kmem.usage ?? 0));
  t.is(readCounters(group).pids?.current, 0);
  t.is(readCounters(group).pids?.max, 1);
});

v1Test('memory and fork failures are counted, as are OOM kills in nested groups', async (t) => {
  const group = makeSandbox(t).group();
  applyLimits(group, { ...NONE, mem: 8 * M, memsw: 64 * M, pids: 2 }, { native: false });
  const nested = `${group.memory}/nested`;
  mkdirSync(nested);
  const forker = await startIn(t, group.directories, ['sh', '-c', 'sleep 1000 & sleep 1000 & wait']);
  await until(() => forker.exitCode !== null);
  t.true((readCounters(group).pids?.failcnt ?? 0) >= 1);
  const eater = await startIn(t, [nested], ['perl', '-e', '$x = "x" x (64 << 20); sleep 1000']);
  await until(() => eater.signalCode !== null);
  const { mem } = readCounters(group);
  t.is(mem.oomKills, 1);
  t.true((mem.failcnt ?? 0) >= 1);
  t.true((mem.maxUsage ?? 0) <= 8 * M);
});

v1Test('a failcnt of 0 is not trusted if the limit was reached', async (t) => {
  const group = makeSandbox(t).group();
  applyLimits(group, { ...NONE, memsw: 8 * M }, { native: false });
  const eater = await startIn(t, group.directories, ['perl', '-e', '$x = "x" x (64 << 20); sleep 1000']);
  await until(() => eater.signalCode !== null);
  const { memsw, kmem } = readCounters(group);
  t.is(memsw?.maxUsage, 8 * M);
  t.not(memsw?.failcnt, 0);
  t.is(kmem.failcnt, 0);
});

v1Test('an unreadable counter is null, never 0', async (t) => {
  const sandbox = makeSandbox(t);
  const group = sandbox.group();
  t.is(readCounters(without(group, 'pids')).pids, null);
  // The unified directory has none of these files, as on a kernel without them.
  const empty: Group = { ...group, memory: sandbox.unified, kmem: sandbox.unified, pids: sandbox.unified };
  const unread = { usage: null, maxUsage: null, failcnt: null };
  const expected = {
    kmem: unread,
    mem: { ...unread, oomKills: null },
    memsw: null,
    kmemTcp: null,
    pids: { current: null, max: null, failcnt: null },
  };
  t.deepEqual(readCounters(empty), expected);
  await removeGroup(group);
  t.deepEqual(readCounters(group), expected);
  t.is(readCpu(group), null);
});

test('CPU time includes dead processes, and is null without a unified hierarchy', async (t) => {
  const group = makeSandbox(t).group();
  t.deepEqual(readCpu(group), { userMs: 0, systemMs: 0 });
  const burner = await startIn(t, joinsOf(group), ['sh', '-c', 'while :; do :; done']);
  await until(() => (readCpu(group)?.userMs ?? 0) >= 20);
  burner.kill('SIGKILL');
  await until(() => burner.signalCode !== null);
  t.true((readCpu(group)?.userMs ?? 0) >= 20);
  t.is(readCpu(without(group, 'unified')), null);
});

const LAYOUTS: readonly [string, (group: Group) => Group][] =
  version === 2
    ? [['v2', (group) => group]]
    : [
        ['hybrid', (group) => group],
        ['v1', (group) => without(group, 'unified')],
      ];

for (const [name, seen] of LAYOUTS) {
  test(`samples on ${name}: current values, including nested groups, from files kept open`, async (t) => {
    const group = makeSandbox(t).group();
    const sampler = openSampler(seen(group));
    t.teardown(() => sampler.close());
    t.deepEqual(sampler.read(), { kmem: 0, mem: 0, processes: 0 });
    const first = await startIn(t, joinsOf(group), ['sleep', '1000']);
    t.is(sampler.read().processes, 1);
    if (version === 1) t.is(sampler.read().kmem, readCounters(group).kmem.usage);
    t.true((sampler.read().kmem ?? 0) > 0);
    t.true((sampler.read().mem ?? 0) > 0);
    const nested = joinsOf(group).map((directory) => `${directory}/nested`);
    for (const directory of nested) mkdirSync(directory);
    await startIn(t, nested, ['sleep', '1000']);
    t.is(sampler.read().processes, 2);
    first.kill('SIGKILL');
    await until(() => first.signalCode !== null);
    t.is(sampler.read().processes, 1);
  });

  test(`samples on ${name}: counts more processes than one read returns`, async (t) => {
    const group = makeSandbox(t).group();
    const sampler = openSampler(seen(group));
    t.teardown(() => sampler.close());
    const script = 'for (1..200) { fork or do { sleep 1000; exit } } $| = 1; print "forked\n"; sleep 1000';
    const child = await startIn(t, joinsOf(group), ['perl', '-e', script]);
    t.is(await nextLine(child), 'forked');
    t.is(sampler.read().processes, 201);
    writeFileSync(`${group.unified}/cgroup.kill`, '1');
    await until(() => sampler.read().processes === 0);
  });

  test(`samples on ${name}: null when the group is gone and after close`, async (t) => {
    const group = makeSandbox(t).group();
    const sampler = openSampler(seen(group));
    await removeGroup(group);
    const unread = { kmem: null, mem: null, processes: null };
    t.deepEqual(sampler.read(), unread);
    sampler.close();
    t.deepEqual(sampler.read(), unread);
    sampler.close();
    const late = openSampler(seen(group));
    t.deepEqual(late.read(), unread);
    late.close();
  });
}
