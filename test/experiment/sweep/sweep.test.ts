import { setImmediate as turn } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import fc from 'fast-check';
import { type DriverOptions, perform } from '../../../src/experiment/driver.ts';
import type { Axes } from '../../../src/experiment/sweep/points.ts';
import {
  orderOf,
  planSweep,
  type Sweep,
  type SweepHistory,
  type SweepQuestion,
  type SweepRun,
} from '../../../src/experiment/sweep/sweep.ts';
import type { Result } from '../../../src/result/schema.ts';
import { profile } from '../../fixtures/profiles.ts';
import { refused } from '../../request/refusal.ts';
import { program, resultOf, unwatched } from '../programs.ts';

const M = 1024 * 1024;
function nameOf(key: string) {
  return key;
}

function question(changes: Partial<SweepQuestion> = {}): SweepQuestion {
  return {
    input: { command: ['true'] },
    scenario: null,
    onKernel: {},
    jobs: 1,
    axes: { kmem: [M, 2 * M, 3 * M] },
    repeat: 2,
    warmup: 1,
    seed: 1,
    prepare: null,
    ...changes,
  };
}

test('a scenario’s kernel settings apply at that kernel’s points, but swept values win', (t) => {
  const plan = [{ run: 'true' }];
  const asked = question({
    input: { plan, timeout: 1000, kmem: '1M' },
    onKernel: {
      host: { plan, timeout: 1000, kmem: '1M' },
      '5.10': { plan, timeout: 2000, kernel: '5.10', kmem: '2M' },
    },
    axes: { kernel: [null, '5.10'], kmem: [3 * M] },
  });
  const sweep = planSweep(asked, nameOf);
  const specs = [0, 1].map((point) => sweep.specOf({ kind: 'run', point, repeat: 0 }, sweep.empty()));
  t.deepEqual(
    specs.map(({ kernel, timeoutMs, limits }) => [kernel, timeoutMs, limits.kmem]),
    [
      [null, 1000, 3 * M],
      ['5.10', 2000, 3 * M],
    ],
  );
});

function options(changes: Partial<DriverOptions<SweepRun, SweepHistory>> = {}): DriverOptions<SweepRun, SweepHistory> {
  return {
    jobs: [{ cpus: [0] }, { cpus: [1] }],
    runner: program((kmem) => kmem === null || kmem >= 2 * M),
    ...unwatched,
    ...changes,
  };
}

function run(sweep: Sweep, changes: Partial<DriverOptions<SweepRun, SweepHistory>> = {}) {
  return perform(sweep, sweep.empty(), options(changes));
}

test('every point is run as often as asked; warm-ups are not saved', async (t) => {
  const sweep = planSweep(question({ warmup: 2 }), nameOf);
  const kept: SweepRun[] = [];
  const { history, ended } = await run(sweep, { keep: (made) => void kept.push(made) });
  t.is(ended, 'done');
  t.is(sweep.total, 6);
  t.is(history.made.size, 6);
  t.deepEqual(
    kept.map(({ kind }) => kind),
    ['warm-up', 'warm-up', ...Array(6).fill('run')],
  );
  t.deepEqual(
    history.points.map(({ runs }) => runs.map(({ passed }) => passed)),
    [
      [false, false],
      [true, true],
      [true, true],
    ],
  );
  t.like(history.points[0]?.firstCalls[0], { comm: 'apache2', syscall: 'mmap', errno: 'ENOMEM', runs: 2 });
  t.deepEqual(history.points[1]?.firstCalls, []);
});

test('with --profile a point has what kernel memory consisted of in its last failed run', async (t) => {
  const sweep = planSweep(question(), nameOf);
  const runner = program((kmem) => kmem === null || kmem >= 2 * M);
  const profiledRunner: typeof runner = async (...args) => ({ ...(await runner(...args)), profile: profile() });
  const { history } = await run(sweep, { runner: profiledRunner });
  t.like(history.points[0]?.filled?.[0], { what: 'socket inode', by: 'by accept4 of apache2', objects: 320 });
  t.is(history.points[0]?.filled?.length, 5);
  t.is(history.points[1]?.filled, undefined);
  t.is((await run(sweep)).history.points[0]?.filled, undefined);
});

const sizes = fc.record({
  points: fc.integer({ min: 1, max: 40 }),
  repeat: fc.integer({ min: 1, max: 8 }),
  seed: fc.nat(2 ** 32 - 1),
});

test('the order permutes all runs round by round and repeats for the same seed', (t) => {
  const property = fc.property(sizes, (size) => {
    const order = orderOf(size);
    t.deepEqual(orderOf(size), order);
    t.is(new Set(order.map(({ point, repeat }) => `${point} ${repeat}`)).size, size.points * size.repeat);
    for (let round = 0; round < size.repeat; round++) {
      const own = order.slice(round * size.points, (round + 1) * size.points);
      t.true(own.every(({ repeat }) => repeat === round));
      t.deepEqual(
        own.map(({ point }) => point).toSorted((a, b) => a - b),
        Array.from({ length: size.points }, (_, point) => point),
      );
    }
  });
  fc.assert(property);
});

test('another seed gives another order', (t) => {
  const orders = Array.from({ length: 20 }, (_, seed) => JSON.stringify(orderOf({ points: 20, repeat: 1, seed })));
  t.is(new Set(orders).size, 20);
});

test('a sweep stopped and resumed any number of times repeats no run and omits none', async (t) => {
  const property = fc.asyncProperty(
    sizes,
    fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 6 }),
    async ({ points, repeat, seed }, stops) => {
      const axes = { kmem: Array.from({ length: points }, (_, index) => (index + 1) * M) };
      const asked = question({ axes, repeat, seed });
      const kept: { place: { point: number; repeat: number }; result: Result }[] = [];
      for (const stopAfter of [...stops, Number.POSITIVE_INFINITY]) {
        const controller = new AbortController();
        const sweep = planSweep(asked, nameOf);
        // As returned by the store.
        let known = sweep.empty();
        for (const { place, result } of kept) known = sweep.fold(known, { kind: 'run', ...place }, result);
        let made = 0;
        const { ended, history } = await perform(
          sweep,
          known,
          options({
            runner: async (spec) => {
              await turn();
              return resultOf(spec, true);
            },
            keep: (of, result) => {
              if (of.kind !== 'run') return;
              kept.push({ place: { point: of.point, repeat: of.repeat }, result });
              made += 1;
              if (made === stopAfter) controller.abort();
            },
            signal: controller.signal,
          }),
        );
        if (ended === 'done') t.is(history.made.size, points * repeat);
      }
      t.is(kept.length, points * repeat);
      t.is(new Set(kept.map(({ place }) => `${place.point} ${place.repeat}`)).size, points * repeat);
    },
  );
  await fc.assert(property, { numRuns: 30 });
});

test('a run that is saved twice counts once', (t) => {
  const sweep = planSweep(question(), nameOf);
  const result = resultOf(sweep.specOf({ kind: 'run', point: 0, repeat: 0 }, sweep.empty()), true);
  let known = sweep.empty();
  for (let count = 0; count < 2; count++) known = sweep.fold(known, { kind: 'run', point: 0, repeat: 0 }, result);
  t.is(known.made.size, 1);
  t.is(known.points[0]?.runs.length, 1);
  // For a question that was never asked.
  t.is(sweep.fold(known, { kind: 'run', point: 99, repeat: 0 }, result).made.size, 1);
});

test('each point has its settings, and microVM options apply only to microVM points', (t) => {
  const axes: Axes = { kernel: ['5.10', null], kmem: [M], pids: [10, 20] };
  const sweep = planSweep(
    question({ axes, input: { command: ['true'], vmMemory: '512M', mem: '64M', timeout: '5s' } }),
    nameOf,
  );
  t.is(sweep.total, 8);
  const specs = sweep.points.map((_, point) => sweep.specOf({ kind: 'run', point, repeat: 0 }, sweep.empty()));
  t.deepEqual(
    specs.map(({ kernel, vm, limits }) => [kernel, vm?.memory ?? null, limits.kmem, limits.pids, limits.mem]),
    [
      ['5.10', 512 * M, M, 10, 64 * M],
      ['5.10', 512 * M, M, 20, 64 * M],
      [null, null, M, 10, 64 * M],
      [null, null, M, 20, 64 * M],
    ],
  );
  const { kernel, limits } = sweep.specOf({ kind: 'warm-up' }, sweep.empty());
  t.deepEqual([kernel, limits.kmem, limits.pids], [null, M, 20]);
});

test('a point that cannot be run is rejected before any run starts', (t) => {
  const axes: Axes = { mem: [M, 64 * M] };
  refused(t, 'bad-memsw', () => planSweep(question({ axes, input: { command: ['true'], memsw: '32M' } }), nameOf));
  refused(t, 'conflicting-options', () =>
    planSweep(question({ input: { command: ['true'], vmMemory: '1G' } }), nameOf),
  );
});

test('the warm-up sets the timeout unless --timeout is given', async (t) => {
  const timeouts = new Set<number | null>();
  const slow = { wallMs: 10_000, userMs: null, systemMs: null };
  const runner = async (spec: Parameters<typeof resultOf>[0]) => {
    timeouts.add(spec.timeoutMs);
    return { ...resultOf(spec, true), durations: slow };
  };
  await run(planSweep(question(), nameOf), { runner });
  t.deepEqual([...timeouts], [null, 200_000]);
  timeouts.clear();
  await run(planSweep(question({ input: { command: ['true'], timeout: '3s' } }), nameOf), { runner });
  t.deepEqual([...timeouts], [3000]);
});

test('without settings, the same run is repeated', async (t) => {
  const { history } = await run(planSweep(question({ axes: {}, repeat: 5 }), nameOf));
  t.is(history.points.length, 1);
  t.is(history.points[0]?.runs.length, 5);
});

test('the results of 3,000 runs are not retained', async (t) => {
  setFlagsFromString('--expose-gc');
  const collect: () => void = runInNewContext('gc');
  const sweep = planSweep(
    question({ axes: { kmem: Array.from({ length: 100 }, (_, index) => (index + 1) * M) }, repeat: 30 }),
    nameOf,
  );
  // A long list of samples, as of a long run: 100 MB in total.
  const samples = () =>
    Array.from({ length: 500 }, (_, atMs) => ({ atMs, kmem: atMs, mem: atMs, processes: 1, rss: atMs, cpuPercent: 1 }));
  collect();
  const before = process.memoryUsage().heapUsed;
  const { history } = await run(sweep, { runner: async (spec) => ({ ...resultOf(spec, true), samples: samples() }) });
  collect();
  const grown = process.memoryUsage().heapUsed - before;
  t.is(history.made.size, 3000);
  t.true(grown < 8 * M, `${Math.round(grown / 1024)} KiB`);
});
