/** A search that is stopped and resumed, and more than one run at a time. */

import test from 'ava';
import fc from 'fast-check';
import { type Bisect, type BisectRun, planBisect } from '../../../src/experiment/bisect/bisect.ts';
import { perform, type Runner } from '../../../src/experiment/driver.ts';
import { program, type resultOf } from '../programs.ts';
import { bisect, nameOf, options, PAGE, question, runsOf } from './made-up.ts';

test('a search resumed from any point gives the same answer and repeats no finished run', async (t) => {
  const property = fc.asyncProperty(
    fc.integer({ min: 2, max: 100 }),
    fc.array(fc.integer({ min: 1, max: 9 }), { maxLength: 4 }),
    async (pages, stops) => {
      const runner = program((kmem) => kmem === null || kmem >= pages * PAGE, 90 * PAGE);
      const whole = await bisect(question(), runner);
      const kept: { run: BisectRun; result: ReturnType<typeof resultOf> }[] = [];
      let plan: Bisect = planBisect(question(), nameOf);
      let history = plan.empty;
      for (const stopAfter of [...stops, Number.POSITIVE_INFINITY]) {
        const controller = new AbortController();
        plan = planBisect(question(), nameOf);
        let known = plan.empty;
        for (const { run, result } of kept) known = plan.fold(known, run, result);
        let made = 0;
        const keep = (run: BisectRun, result: ReturnType<typeof resultOf>) => {
          if (run.kind !== 'warm-up') kept.push({ run, result });
          made += 1;
          if (made === stopAfter) controller.abort();
        };
        ({ history } = await perform(plan, known, options(runner, { keep, signal: controller.signal })));
      }
      t.deepEqual(plan.answer(history), whole.answer);
      t.is(kept.length, runsOf(whole.history));
      t.deepEqual(plan.phases(history), whole.plan.phases(whole.history));
    },
  );
  await fc.assert(property, { numRuns: 40 });
});

test('with two jobs, a resumed search repeats no run, mixes up none and gives the same answer', async (t) => {
  const asked = question({ jobs: 2, confirm: 4 });
  const jobs = [{ cpus: [0] }, { cpus: [1] }];
  // Of each two runs, the second ends first.
  const slow = (passes: Runner): Runner => {
    let turn = 0;
    return async (spec, order) => {
      turn += 1;
      if (turn % 2 === 1) await new Promise((resolve) => setTimeout(resolve, 2));
      return passes(spec, order);
    };
  };
  const runner = slow(program((kmem) => kmem === null || kmem >= 37 * PAGE, 50 * PAGE));
  const whole = await bisect(asked, runner, { jobs });
  for (let stopAfter = 2; stopAfter < runsOf(whole.history); stopAfter += 3) {
    const kept: { run: BisectRun; result: ReturnType<typeof resultOf> }[] = [];
    const controller = new AbortController();
    const keep = (run: BisectRun, result: ReturnType<typeof resultOf>) => {
      if (run.kind !== 'warm-up') kept.push({ run, result });
      if (kept.length === stopAfter) controller.abort();
    };
    await bisect(asked, runner, { jobs, keep, signal: controller.signal });
    const plan = planBisect(asked, nameOf);
    const known = kept.reduce((history, { run, result }) => plan.fold(history, run, result), plan.empty);
    const { history } = await perform(plan, known, options(runner, { jobs, keep }));
    t.deepEqual(plan.answer(history), whole.answer);
    t.is(kept.length, runsOf(whole.history));
    t.is(new Set(kept.map(({ run }) => JSON.stringify(run))).size, kept.length);
  }
});

test('as many runs of one limit are made at a time as there are jobs', async (t) => {
  const limits: (number | null)[] = [];
  const passes = program((kmem) => kmem === null || kmem >= 37 * PAGE, 50 * PAGE);
  let running = 0;
  const together: number[] = [];
  await bisect(
    question({ jobs: 3, confirm: 3 }),
    async (spec, order) => {
      limits.push(spec.limits.kmem);
      running += 1;
      together.push(running);
      await new Promise((resolve) => setTimeout(resolve, 1));
      running -= 1;
      return passes(spec, order);
    },
    { jobs: [{ cpus: [0] }, { cpus: [1] }, { cpus: [2] }] },
  );
  t.is(Math.max(...together), 3);
  const at = limits.indexOf(37 * PAGE) + 1;
  t.deepEqual(limits.slice(limits.indexOf(37 * PAGE, at), limits.indexOf(37 * PAGE, at) + 3), Array(3).fill(37 * PAGE));
});
