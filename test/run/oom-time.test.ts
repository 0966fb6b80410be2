import { mkdirSync } from 'node:fs';
import test from 'ava';
import { readCounters } from '../../src/cgroup/counters.ts';
import { applyLimits } from '../../src/cgroup/limits.ts';
import { watchOomTime } from '../../src/run/oom.ts';
import { joinsOf, makeSandbox, startIn, until, version } from '../cgroup/sandbox.ts';

const M = 1_048_576;
const LIMITS = { kmem: null, mem: 8 * M, memsw: 8 * M, kmemTcp: null, pids: null };
const EAT = ['perl', '-e', '$x = "x" x (64 << 20); sleep 1000'];

test('the first kill in the group, nested groups included, by the kernel’s notice on v2; none on v1', async (t) => {
  const group = makeSandbox(t).group();
  applyLimits(group, LIMITS, { native: false });
  let now = 1;
  const oomTime = watchOomTime(group, () => now);
  t.teardown(() => oomTime.close());
  t.is(await oomTime.first(0), null);
  const places = joinsOf(group).map((directory) => `${directory}/nested`);
  for (const place of places) mkdirSync(place);
  for (const time of [2, 3]) {
    now = time;
    const eater = await startIn(t, places, EAT);
    await until(() => eater.signalCode !== null);
    t.is(eater.signalCode, 'SIGKILL');
    t.is(await oomTime.first(readCounters(group).mem.oomKills), version === 2 ? 2 : null);
  }
});

test('without a kill there is no time, and a group that is gone is none either', async (t) => {
  const group = makeSandbox(t).group();
  const oomTime = watchOomTime({ ...group, memory: `${group.memory}/absent` }, () => 1);
  t.is(await oomTime.first(null), null);
  t.is(await oomTime.first(1), null);
  oomTime.close();
});
