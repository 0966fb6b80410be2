import test from 'ava';
import fc from 'fast-check';
import { type BisectRun, planBisect, withoutLimit } from '../../../src/experiment/bisect/bisect.ts';
import type { RunInput } from '../../../src/request/run-input.ts';
import type { RunSpec } from '../../../src/request/run-spec.ts';
import { program, resultOf } from '../programs.ts';
import { bisect, nameOf, PAGE, question, runsOf } from './made-up.ts';

test('a single limit is found to the page in about log2(pages) runs plus confirmations', async (t) => {
  const peaks = fc.integer({ min: 20 * PAGE, max: 2000 * PAGE });
  const property = fc.asyncProperty(
    peaks,
    fc.double({ min: 0, max: 1, noNaN: true }),
    fc.integer({ min: 1, max: 4 }),
    async (peak, share, confirm) => {
      // Below its peak, and sometimes above it: the gate keeps a reserve.
      const limit = Math.max(2, Math.ceil((peak * (0.05 + share)) / PAGE)) * PAGE;
      const { answer, history, ended } = await bisect(
        question({ confirm }),
        program((kmem) => kmem === null || kmem >= limit, peak),
      );
      t.is(ended, 'done');
      t.deepEqual(answer, { kind: 'found', passesAt: limit, failsAt: limit - PAGE, between: [], surprises: [] });
      const pages = Math.log2(peak / PAGE + 6);
      if (limit <= peak) t.true(runsOf(history) <= 6 + Math.ceil(pages) + 5 * confirm, `${runsOf(history)} runs`);
    },
  );
  await fc.assert(property, { numRuns: 60 });
});

test('the Apache cycle takes at most 12 runs plus confirmations', async (t) => {
  for (const [peak, stepsLeft] of [
    [2_637_824, 0],
    [3_125_248, 1],
  ] as const) {
    const runner = program((kmem) => kmem === null || kmem >= 2_637_824, peak);
    const { answer, history, plan } = await bisect(question(), runner);
    t.like(answer, { kind: 'found', passesAt: 2_637_824, failsAt: 2_633_728 });
    const phases = plan.phases(history);
    t.true(history.free.length + phases.filter((phase) => phase === 'bracket' || phase === 'search').length <= 12);
    t.is(phases.filter((phase) => phase === 'confirm').length, 6 + stepsLeft);
    t.is(phases.length, history.trials.length);
  }
});

test('runs without a limit enforce none, and the first is discarded', async (t) => {
  const specs: RunSpec[] = [];
  const runs: BisectRun[] = [];
  const passes = program((kmem) => kmem === null || kmem >= 100 * PAGE, 90 * PAGE);
  const input: RunInput = { command: ['true'], enforce: 'native', mem: '64M' };
  await bisect(
    question({ input }),
    async (spec, order) => {
      specs.push(spec);
      return passes(spec, order);
    },
    { keep: (run) => void runs.push(run) },
  );
  t.deepEqual(
    runs.slice(0, 3).map(({ kind }) => kind),
    ['warm-up', 'free', 'try'],
  );
  // Native enforcement of no limit would be refused.
  t.deepEqual(
    specs.slice(0, 3).map(({ enforce, limits }) => [enforce, limits.kmem === null]),
    [
      ['none', true],
      ['none', true],
      ['native', false],
    ],
  );
  t.true(specs.every(({ limits }) => limits.mem === 64 * 1024 * 1024));
  const places = runs.flatMap((run) =>
    run.kind === 'warm-up' ? [] : [run.kind === 'try' ? `${run.limit} ${run.repeat}` : `free ${run.repeat}`],
  );
  t.is(new Set(places).size, places.length);
});

test('a program that fails even without a limit has no limit', async (t) => {
  const { answer, history } = await bisect(
    question(),
    program(() => false),
  );
  t.deepEqual(answer, { kind: 'never', upTo: null });
  t.is(history.free.length, 4);
  t.is(history.trials.length, 0);
});

test('an unlucky first run without a limit does not end the search', async (t) => {
  let runs = 0;
  const { answer, history } = await bisect(question({ warmup: 0 }), async (spec) => {
    runs += 1;
    return resultOf(spec, runs !== 1 && (spec.limits.kmem ?? Number.POSITIVE_INFINITY) >= 50 * PAGE, 50 * PAGE);
  });
  t.like(answer, { kind: 'found', passesAt: 50 * PAGE });
  t.deepEqual(
    history.free.map(({ passed }) => passed),
    [false, true, true, true],
  );
});

test('passing only without a limit is reported as never', async (t) => {
  const { answer } = await bisect(
    question(),
    program((kmem) => kmem === null, 50 * PAGE),
  );
  t.is(answer.kind, 'never');
  t.true(answer.kind === 'never' && answer.upTo !== null && answer.upTo >= 200 * PAGE);
});

test('a program that always passes', async (t) => {
  t.like(
    (
      await bisect(
        question(),
        program(() => true),
      )
    ).answer,
    { kind: 'always', passesAt: PAGE },
  );
  t.like(
    (
      await bisect(
        question({ lo: 64 * PAGE }),
        program(() => true),
      )
    ).answer,
    { kind: 'always', passesAt: 64 * PAGE },
  );
});

test('no limit outside --lo and --hi is tried, and the peak need not be known', async (t) => {
  const [lo, hi] = [10 * PAGE, 100 * PAGE];
  const limits: (number | null)[] = [];
  const at = (limit: number) =>
    bisect(question({ lo, hi, warmup: 0 }), async (spec) => {
      limits.push(spec.limits.kmem);
      return resultOf(spec, (spec.limits.kmem ?? 0) >= limit);
    });
  t.like((await at(50 * PAGE)).answer, { kind: 'found', passesAt: 50 * PAGE });
  t.deepEqual((await at(101 * PAGE)).answer, { kind: 'never', upTo: hi });
  t.like((await at(5 * PAGE)).answer, { kind: 'always', passesAt: lo });
  t.true(limits.every((limit) => limit !== null && limit >= lo && limit <= hi));
});

test('a wide failing gap gives a counter-example', async (t) => {
  // Like sh, which survives one denied fork but not another. A hole that is wide enough is found wherever it is.
  const [lo, hi, wide] = [4, 84, 21];
  const property = fc.asyncProperty(
    fc.integer({ min: lo, max: hi - wide - 2 }).chain((edge) => {
      return fc.tuple(fc.constant(edge), fc.integer({ min: edge + 1, max: hi - wide - 1 }));
    }),
    async ([edge, hole]) => {
      const passes = (kmem: number | null) => {
        const pages = kmem === null ? hi : kmem / PAGE;
        return pages >= edge && (pages < hole || pages >= hole + wide);
      };
      const { answer } = await bisect(question({ hi: hi * PAGE, lo: lo * PAGE }), program(passes));
      if (answer.kind === 'found') return t.is(answer.passesAt, (hole + wide) * PAGE);
      t.is(answer.kind, 'not-monotonic');
      if (answer.kind !== 'not-monotonic') return;
      t.true(answer.passes.limit < answer.fails.limit);
      t.true(passes(answer.passes.limit) && !passes(answer.fails.limit));
    },
  );
  await fc.assert(property, { numRuns: 200 });
});

test('without a measured peak the search fails', async (t) => {
  const { error, ended, answer } = await bisect(question(), async (spec) => {
    const result = resultOf(spec, true);
    return { ...result, kmem: { ...result.kmem, maxUsage: null } };
  });
  t.is(ended, 'failed');
  t.is(error?.code, 'no-peak');
  t.deepEqual(answer, { kind: 'unfinished', passesAt: null, failsAt: null });
});

test('without --timeout, the first unlimited run sets the timeout', async (t) => {
  const timeouts: (number | null)[] = [];
  const wallMs = 4000;
  await bisect(question(), async (spec) => {
    timeouts.push(spec.timeoutMs);
    const result = resultOf(spec, (spec.limits.kmem ?? Number.POSITIVE_INFINITY) >= 50 * PAGE, 50 * PAGE);
    return { ...result, durations: { ...result.durations, wallMs } };
  });
  t.deepEqual([...new Set(timeouts)], [null, 80_000]);
  t.is(timeouts.filter((ms) => ms === null).length, 1);
});

test('the result of the failed run just below the limit is kept, without samples', async (t) => {
  const { history, answer } = await bisect(
    question(),
    program((kmem) => kmem === null || kmem >= 77 * PAGE, 80 * PAGE),
  );
  t.true(answer.kind === 'found');
  const below = history.failed.get(76 * PAGE);
  t.like(below, { outcome: 'failed', samples: [] });
  t.is(below?.failures.length, 1);
});

test('the search starts at the input’s limit, and the warm-up runs under it', async (t) => {
  const input: RunInput = { command: ['true'], kmem: '400K' };
  t.deepEqual(withoutLimit({ input, scenario: null }, null), {
    ...{ input: { command: ['true'] }, scenario: null, hi: 400 * 1024 },
  });
  t.is(withoutLimit({ input, scenario: null }, 8192).hi, 8192);
  t.is(withoutLimit({ input: { command: ['true'] }, scenario: null }, null).hi, null);
  const limits: (number | null)[] = [];
  await bisect(question({ hi: 100 * PAGE, warmup: 2 }), async (spec) => {
    limits.push(spec.limits.kmem);
    return resultOf(spec, (spec.limits.kmem ?? 0) >= 40 * PAGE);
  });
  t.deepEqual(limits.slice(0, 2), [100 * PAGE, 100 * PAGE]);
});

test('a stop returns the partial answer', async (t) => {
  const controller = new AbortController();
  let made = 0;
  const keep = () => {
    made += 1;
    if (made === 7) controller.abort();
  };
  const runner = program((kmem) => kmem === null || kmem >= 70 * PAGE, 100 * PAGE);
  const { answer, ended, history, plan } = await bisect(question(), runner, { keep, signal: controller.signal });
  t.is(ended, 'stopped');
  // One of seven had no limit, and one was discarded; 105 pages are expected to pass.
  t.deepEqual(answer, { kind: 'unfinished', passesAt: 78 * PAGE, failsAt: 39 * PAGE });
  t.true(plan.remaining(history) > 0);
  t.deepEqual(planBisect(question(), nameOf).answer(plan.empty), { kind: 'unfinished', passesAt: null, failsAt: null });
});

test('the number of remaining runs is estimated closely', async (t) => {
  const said: number[] = [];
  const { remaining } = planBisect(question(), nameOf);
  const { history } = await bisect(
    question(),
    program((kmem) => kmem === null || kmem >= 400 * PAGE, 420 * PAGE),
    { onStart: (_, known) => void said.push(runsOf(known) + remaining(known)) },
  );
  const all = runsOf(history);
  // From the first trial on.
  for (const total of said.slice(2)) t.true(Math.abs(total - all) <= 5, `${total} of ${all}`);
  t.is(remaining(history), 0);
});
