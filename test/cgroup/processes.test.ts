import { mkdirSync } from 'node:fs';
import test from 'ava';
import {
  describe,
  describeState,
  processesOf,
  signalGroup,
  signalMember,
  signalProcess,
  signalTree,
} from '../../src/cgroup/processes.ts';
import { removeGroup } from '../../src/cgroup/remove.ts';
import { joinsOf, makeSandbox, nextLine, startIn, until } from './sandbox.ts';

test('processes of all directories and nested groups are listed once each', async (t) => {
  const group = makeSandbox(t).group();
  const [first = '', last = ''] = [joinsOf(group)[0], group.directories.at(-2)];
  const nested = `${first}/a/b`;
  mkdirSync(nested, { recursive: true });
  const everywhere = await startIn(t, joinsOf(group), ['sleep', '1000']);
  const deep = await startIn(t, [nested], ['sleep', '1000']);
  const elsewhere = await startIn(t, [last], ['sleep', '1000']);
  t.deepEqual(
    processesOf(group).toSorted((a, b) => a - b),
    [everywhere.pid, deep.pid, elsewhere.pid].toSorted((a, b) => a - b),
  );
  await removeGroup(group);
  t.deepEqual(processesOf(group), []);
});

test('a process is described by its comm, whatever it contains, or null once it is gone', async (t) => {
  const { joins } = makeSandbox(t);
  const child = await startIn(t, joins, ['perl', '-e', '$0 = "a) S (b"; $| = 1; print "named\n"; sleep 1000']);
  await nextLine(child);
  t.deepEqual(describe(child.pid), { pid: child.pid, comm: 'a) S (b' });
  await until(() => describeState(child.pid)?.state === 'S');
  child.kill('SIGKILL');
  await until(() => child.signalCode !== null);
  t.is(describe(child.pid), null);
});

test('a signal reaches each process of the group once', async (t) => {
  const group = makeSandbox(t).group();
  const script = '$| = 1; $SIG{TERM} = sub { print "term\n" }; fork; print "up\n"; 1 while sleep 1000';
  const child = await startIn(t, joinsOf(group), ['perl', '-e', script]);
  const outsider = await startIn(t, [], ['sleep', '1000']);
  t.deepEqual([await nextLine(child), await nextLine(child)], ['up', 'up']);
  t.is(signalGroup(group, 'SIGTERM'), 2);
  t.deepEqual([await nextLine(child), await nextLine(child)], ['term', 'term']);
  t.is(outsider.signalCode, null);
  await removeGroup(group);
  t.is(signalGroup(group, 'SIGTERM'), 0);
});

test('the tool itself, absent processes and foreign ones (0) are never signalled', (t) => {
  for (const pid of [process.pid, 0, -1, 2 ** 22 + 1]) t.false(signalProcess(pid, 'SIGKILL'), String(pid));
});

test('a pid that is no longer in the group is not signalled', async (t) => {
  const group = makeSandbox(t).group();
  const member = await startIn(t, joinsOf(group), ['sleep', '1000']);
  const bystander = await startIn(t, [], ['sleep', '1000']);
  t.false(signalMember(group, bystander.pid, 'SIGKILL'));
  signalTree(group, bystander.pid, 'SIGKILL');
  t.true(signalMember(group, member.pid, 'SIGKILL'));
  await until(() => member.signalCode !== null);
  t.is(describeState(bystander.pid)?.state, 'S');
  await removeGroup(group);
});
