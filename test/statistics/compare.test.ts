import test from 'ava';
import type { Result } from '../../src/result/schema.ts';
import { compareRuns } from '../../src/statistics/compare.ts';
import { type RunSample, sampleOf } from '../../src/statistics/sample.ts';
import { apacheStopFails, hostile, result, setupError, unread } from '../fixtures/results.ts';

function sample(made: Result): RunSample {
  return sampleOf({ result: made, experimentId: null, point: null, repeat: null, label: null });
}

/** A run with this peak and this limit. */
function peaked(maxUsage: number, kmem: number | null = 4_194_304, changes: Parameters<typeof result>[0] = {}) {
  return sample(
    result({ ...changes, spec: { limits: { kmem }, ...changes.spec }, kmem: { maxUsage, ...changes.kmem } }),
  );
}

function peaks(...values: number[]) {
  return values.map((value) => peaked(value));
}

function verdicts(a: RunSample[], b: RunSample[]) {
  const { verdict, points } = compareRuns(a, b);
  const [point] = points;
  const rows = [...(point?.tallies ?? []), ...(point?.figures ?? []).filter(({ decides }) => decides)];
  const calls = (point?.calls ?? []).map(({ call, verdict: own }) => [call, own]);
  return { verdict, ...Object.fromEntries([...rows.map((row) => [row.key, row.verdict]), ...calls]) };
}

const alike = {
  verdict: 'same',
  limits: 'same',
  outcome: 'same',
  ends: 'same',
  'kmem.maxUsage': 'same',
  'kmem.failcnt': 'same',
};

test('a run is the same as itself', (t) => {
  for (const made of [result(), apacheStopFails(), unread(), setupError(), hostile()]) {
    t.is(compareRuns([sample(made)], [sample(made)]).verdict, 'same');
  }
  t.deepEqual(verdicts(peaks(1), peaks(1)), alike);
});

test('one run each with different peaks is inconclusive', (t) => {
  t.deepEqual(verdicts(peaks(1), peaks(2)), { ...alike, verdict: 'cannot-tell', 'kmem.maxUsage': 'cannot-tell' });
});

test('noise is not a change, and a change is not noise', (t) => {
  const noise = [53_248, 57_344, 53_248, 57_344, 53_248];
  t.is(verdicts(peaks(...noise), peaks(...noise.toReversed())).verdict, 'within-spread');
  const shifted = noise.map((peak) => peak + 8192);
  t.deepEqual(verdicts(peaks(...noise), peaks(...shifted)), {
    ...alike,
    verdict: 'different',
    'kmem.maxUsage': 'different',
  });
  t.deepEqual(compareRuns(peaks(...noise), peaks(...shifted)).points[0]?.figures[0], {
    key: 'kmem.maxUsage',
    unit: 'bytes',
    a: { runs: 5, min: 53_248, median: 53_248, max: 57_344 },
    b: { runs: 5, min: 61_440, median: 61_440, max: 65_536 },
    verdict: 'different',
    decides: true,
  });
});

test('a different outcome is a difference even with one run each', (t) => {
  const failed = sample(
    result({
      outcome: 'failed',
      steps: [{ ...(result().steps[0] as Result['steps'][number]), exit: { code: 1, signal: null } }],
    }),
  );
  t.like(verdicts(peaks(2_637_824), [failed]), { verdict: 'different', outcome: 'different', ends: 'different' });
});

test('intermittent outcomes are judged by frequency', (t) => {
  const set = (failed: number, runs: number) =>
    Array.from({ length: runs }, (_, index) => peaked(1, 4_194_304, { outcome: index < failed ? 'failed' : 'passed' }));
  t.is(verdicts(set(0, 5), set(2, 5)).outcome, 'cannot-tell');
  t.is(verdicts(set(1, 5), set(3, 5)).outcome, 'within-spread');
  t.is(verdicts(set(0, 20), set(12, 20)).outcome, 'different');
  t.is(verdicts(set(2, 20), set(18, 20)).outcome, 'different');
});

test('a changed limit is a difference', (t) => {
  t.like(verdicts([peaked(1, 8192)], [peaked(1, 4096)]), { verdict: 'different', limits: 'different' });
  t.like(verdicts([peaked(1, null)], [peaked(1, 4096)]), { verdict: 'different', limits: 'different' });
});

test('compares failed calls', (t) => {
  const failing = (...syscalls: string[]) =>
    sample(result({ failureCounts: syscalls.map((syscall) => ({ comm: 'a', syscall, errno: 'ENOMEM', count: 2 })) }));
  const five = (...syscalls: string[]) => Array.from({ length: 5 }, () => failing(...syscalls));
  t.like(verdicts([failing('mmap')], [failing('openat')]), {
    verdict: 'cannot-tell',
    'a: mmap (ENOMEM)': 'cannot-tell',
    'a: openat (ENOMEM)': 'cannot-tell',
  });
  t.like(verdicts(five('mmap', 'brk'), five('mmap', 'openat')), {
    verdict: 'different',
    'a: mmap (ENOMEM)': 'same',
    'a: brk (ENOMEM)': 'different',
    'a: openat (ENOMEM)': 'different',
  });
  t.is(verdicts(five(), [...five().slice(1), failing('mmap')]).verdict, 'within-spread');
});

test('memory decides only if it was limited', (t) => {
  const used = (maxUsage: number, mem: number | null) =>
    sample(result({ mem: { maxUsage }, spec: { limits: { mem } } }));
  t.is(compareRuns([used(1, null)], [used(2, null)]).verdict, 'same');
  t.is(compareRuns([used(1, 8192)], [used(2, 8192)]).verdict, 'cannot-tell');
});

test('a figure missing on one side is inconclusive', (t) => {
  const blind = sample(result({ kmem: { maxUsage: null } }));
  t.like(verdicts([sample(result())], [blind]), { verdict: 'cannot-tell', 'kmem.maxUsage': 'cannot-tell' });
  t.is(verdicts([blind], [blind]).verdict, 'same');
});

test('sweeps are compared limit by limit, in the order of the limits', (t) => {
  const sweep = (limits: number[], shift: (limit: number) => number) =>
    limits.flatMap((limit) => [0, 1, 2, 3, 4].map(() => peaked(limit - shift(limit), limit)));
  const { verdict, points, onlyA, onlyB } = compareRuns(
    sweep([16_384, 8192, 4096], () => 0),
    sweep([65_536, 8192, 16_384], (limit) => (limit === 8192 ? 4096 : 0)),
  );
  t.is(verdict, 'different');
  t.deepEqual(
    points.map(({ at, runsA, runsB, verdict: own }) => ({ at, runsA, runsB, own })),
    [
      { at: { kmem: 8192 }, runsA: 5, runsB: 5, own: 'different' },
      { at: { kmem: 16_384 }, runsA: 5, runsB: 5, own: 'same' },
    ],
  );
  t.deepEqual([onlyA, onlyB], [[{ kmem: 4096 }], [{ kmem: 65_536 }]]);
});

test('a run is compared with the sweep point that has its limit', (t) => {
  const sweep = [4096, 8192, 16_384].map((limit) => peaked(limit, limit));
  const { verdict, points, onlyA } = compareRuns(sweep, [peaked(8192, 8192)]);
  t.is(verdict, 'same');
  t.deepEqual(
    points.map(({ at }) => at),
    [{ kmem: 8192 }],
  );
  t.is(onlyA.length, 2);
});

test('sets with no common setting, and empty ones, cannot be compared', (t) => {
  const sweep = [4096, 8192].map((limit) => peaked(limit, limit));
  t.throws(() => compareRuns(sweep, [peaked(1, 32_768)]), {
    code: 'nothing-to-compare',
    message: /no setting of kmem is in both/,
  });
  t.throws(() => compareRuns([], sweep), { code: 'nothing-to-compare' });
});

test('other differences are reported but decide nothing', (t) => {
  const other = sample(
    result({
      spec: { command: ['nginx'], cpus: null },
      environment: { kernel: '5.10.0', aslr: true },
      enforcement: { mode: 'native' },
    }),
  );
  const { verdict, circumstances } = compareRuns([sample(result())], [other]);
  t.is(verdict, 'same');
  t.deepEqual(circumstances, [
    { what: 'command', a: ['apachectl start'], b: ['nginx'] },
    { what: 'enforcement', a: ['gate'], b: ['native'] },
    { what: 'kernel', a: ['6.18.5'], b: ['5.10.0'] },
    { what: 'CPUs', a: ['bound to 0, of 2'], b: ['not bound, of 2'] },
    { what: 'randomisation', a: ['off'], b: ['on'] },
  ]);
});

test('thousands of runs are compared quickly', (t) => {
  const many = (shift: number) => Array.from({ length: 2000 }, (_, index) => peaked(4096 * (index % 7) + shift));
  t.is(verdicts(many(0), many(0)).verdict, 'within-spread');
  t.is(verdicts(many(0), many(4096)).verdict, 'different');
});
