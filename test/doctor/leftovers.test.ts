import { existsSync, mkdirSync } from 'node:fs';
import test from 'ava';
import type { LockState, ProbeLocks } from '../../src/cgroup/collect.ts';
import { collectLeftovers } from '../../src/cgroup/collect.ts';
import { judgeLeftovers, proveLocks } from '../../src/doctor/leftovers.ts';
import { asMounts, makeSandbox, startIn, stateOf } from '../cgroup/sandbox.ts';

/** As if each run's lock were as its id says; other runs' lock files are none of a test's business. */
const byId: ProbeLocks = async (paths) => {
  const states: readonly LockState[] = ['free', 'held', 'absent'];
  return new Map(
    paths.flatMap((path): [string, LockState][] => {
      const state = states.find((one) => path.includes(`-${one}`));
      return state === undefined ? [] : [[path, state]];
    }),
  );
};

test('it judges as the collector does, and removes nothing', async (t) => {
  const sandbox = makeSandbox(t);
  const groupOf = (suffix: string) => `${sandbox.memory}/kmem-run.${sandbox.id}-${suffix}`;
  for (const suffix of ['free', 'held', 'absent', 'unknown']) mkdirSync(groupOf(suffix));
  const { pid } = await startIn(t, [groupOf('free')], ['sleep', '1000']);
  const hierarchies = asMounts(sandbox.hierarchies);

  const { groups } = await judgeLeftovers(hierarchies, byId);
  const judgements = new Map(groups.map(({ leftover, judgement }) => [leftover.id.split('-')[1], judgement]));
  // What the prober says nothing about is taken for alive.
  t.deepEqual(Object.fromEntries(judgements), { free: 'gone', held: 'held', absent: 'unjudged', unknown: 'held' });
  t.deepEqual(groups.find(({ judgement }) => judgement === 'gone')?.processes, [{ pid, comm: 'sleep' }]);
  for (const suffix of judgements.keys()) t.true(existsSync(groupOf(suffix ?? '')), suffix);
  t.is(stateOf(pid), 'S');

  const collected = await collectLeftovers(hierarchies, byId);
  const words = { removed: 'gone', held: 'held', unjudged: 'unjudged', failed: '' };
  for (const { fate, leftover } of collected.groups) {
    t.is(words[fate], judgements.get(leftover.id.split('-')[1]) ?? '', leftover.id);
  }
});

test('no lock to try: the helper is not looked for', async (t) => {
  t.is((await proveLocks([])).size, 0);
});

test('a lock is tried by the helper', async (t) => {
  const absent = '/nonexistent/a.lock';
  t.deepEqual([...(await proveLocks([absent]))], [[absent, 'absent']]);
});
