import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import fc from 'fast-check';
import { type GroupSample, startSampling, thin } from '../../src/run/samples.ts';
import { joinsOf, makeSandbox, startIn, until } from '../cgroup/sandbox.ts';
import { makeHarness } from '../harness.ts';

function sampleAt(atMs: number, kmem: number | null, mem: number | null): GroupSample {
  return {
    atMs,
    kmem,
    mem,
    processes: 1,
    rss: null,
    cpuPercent: null,
  };
}

const figure = fc.option(fc.nat(1000), { nil: null });
const series = fc
  .array(fc.tuple(figure, figure), { minLength: 2, maxLength: 300 })
  .map((figures) => figures.map(([kmem, mem], index) => sampleAt(index, kmem, mem)));

function highest(samples: readonly GroupSample[], key: 'kmem' | 'mem') {
  return Math.max(...samples.map((sample) => sample[key] ?? -1));
}

test('thinning keeps the order, the peaks, both ends and about half the samples', (t) => {
  fc.assert(
    fc.property(series, (samples) => {
      const kept = thin(samples);
      t.deepEqual(
        kept,
        samples.filter((sample) => kept.includes(sample)),
      );
      t.is(highest(kept, 'kmem'), highest(samples, 'kmem'));
      t.is(highest(kept, 'mem'), highest(samples, 'mem'));
      t.is(kept[0], samples[0]);
      t.is(kept.at(-1), samples.at(-1));
      t.true(kept.length <= Math.ceil(samples.length / 2) + 3);
    }),
  );
});

test('the peaks survive repeated thinning', (t) => {
  let samples = Array.from({ length: 4000 }, (_, index) =>
    sampleAt(index, index === 1001 ? 9 : 1, index === 3 ? 8 : 2),
  );
  while (samples.length > 10) samples = thin(samples);
  t.is(highest(samples, 'kmem'), 9);
  t.is(highest(samples, 'mem'), 8);
});

test('no interval, no samples', async (t) => {
  const group = makeSandbox(t).group();
  const sampling = startSampling(group, { everyMs: null, atMs: () => 0, onSample: () => t.fail() });
  await sleep(60);
  await sampling.stop();
  t.deepEqual(sampling.samples(), []);
});

test('a group is sampled until sampling stops, with one last sample and none after', async (t) => {
  const group = makeSandbox(t).group();
  const child = await startIn(t, joinsOf(group), ['sleep', '300']);
  const seen: GroupSample[] = [];
  const sampling = startSampling(group, {
    everyMs: 5,
    atMs: () => seen.length,
    onSample: (sample) => seen.push(sample),
  });
  await until(() => seen.some(({ rss, cpuPercent }) => rss !== null && cpuPercent !== null));
  t.true(seen.every(({ kmem, mem, processes }) => (kmem ?? 0) > 0 && (mem ?? 0) > 0 && processes === 1));
  const resident = Number(/^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))?.[1]) * 1024;
  const rss = seen.findLast((sample) => sample.rss !== null)?.rss ?? 0;
  t.true(rss > resident / 2 && rss < resident * 2);
  await sampling.stop();
  const count = seen.length;
  t.deepEqual(sampling.samples(), seen);
  await sampling.stop();
  await sleep(20);
  t.is(seen.length, count);
});

test('a long run keeps a bounded number of samples, including the highest', async (t) => {
  const group = makeSandbox(t).group();
  await startIn(t, joinsOf(group), ['sh', '-c', 'echo; sleep 0.5; sleep 300 | sleep 300 | sleep 300; sleep 300']);
  let taken = 0;
  let most = 0;
  const onSample = ({ kmem }: GroupSample) => {
    taken += 1;
    most = Math.max(most, kmem ?? 0);
  };
  const sampling = startSampling(group, { everyMs: 1, atMs: () => taken, onSample });
  await until(() => taken > 2300);
  await sampling.stop();
  t.true(sampling.samples().length <= 2000);
  t.is(highest(sampling.samples(), 'kmem'), most);
});

test('with too many processes to read one by one, CPU is the group’s and RSS is null', async (t) => {
  const group = makeSandbox(t).group();
  const line = 'for i in $(seq 40); do sleep 300 & done; echo; while :; do :; done';
  await startIn(t, joinsOf(group), ['sh', '-c', line]);
  const seen: GroupSample[] = [];
  const begin = performance.now();
  const options = {
    everyMs: 5,
    atMs: () => performance.now() - begin,
    onSample: (sample: GroupSample) => seen.push(sample),
  };
  const sampling = startSampling(group, options);
  const crowded = () => seen.filter(({ processes }) => processes === 41);
  await until(() => crowded().some(({ cpuPercent }) => (cpuPercent ?? 0) > 1));
  await sampling.stop();
  t.true(crowded().every(({ rss }) => rss === null));
});

test('the bundle reads the page size from the kernel, not from getconf', async (t) => {
  const harness = makeHarness(t);
  const { status, stderr, result } = await harness.run(['--sample', '5ms', '--', '/bin/sleep', '1'], {
    under: ['/usr/bin/env', `PATH=${harness.folder}`],
  });
  t.is(status, 0, stderr);
  t.notRegex(stderr, /getconf/);
  t.true(result?.samples.some(({ rss }) => rss !== null));
});
