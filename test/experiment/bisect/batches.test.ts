/** The search with more than one trial at a time. */

import test from 'ava';
import fc from 'fast-check';
import { nextStep, type Trial } from '../../../src/experiment/bisect/search.ts';
import type { Phase, SearchQuestion } from '../../../src/experiment/bisect/trials.ts';
import { find, HIGHEST, type Program, questions } from './find.ts';

/** The numbers of each step, and its phase. */
function stepsOf(question: SearchQuestion, passes: Program): { phase: Phase; at: readonly number[] }[] {
  const trials: Trial[] = [];
  const steps: { phase: Phase; at: readonly number[] }[] = [];
  for (;;) {
    const step = nextStep(question, trials);
    if (step.kind !== 'try') return steps;
    steps.push({ phase: step.phase, at: step.at });
    for (const at of step.at) trials.push({ at, passed: passes(at) });
  }
}

test('confirmations of a passing limit run together in a batch, otherwise one by one', (t) => {
  const question = { lo: 1, hi: 200, most: 400, confirm: 5 };
  const program: Program = (at) => at >= 150;
  const confirming = (batch: number) =>
    stepsOf({ ...question, batch }, program).flatMap(({ phase, at }) =>
      phase === 'confirm' && at.every((number) => number === 150) ? [at.length] : [],
    );
  t.deepEqual(confirming(1), [1, 1, 1, 1, 1]);
  t.deepEqual(confirming(2), [2, 2, 1]);
  t.deepEqual(confirming(8), [5]);
});

test('a batch with a failing trial is completed but not continued', (t) => {
  // The number passes when it is found, and then fails once.
  let visits = 0;
  const program: Program = (at) => {
    if (at !== 150) return at > 150;
    visits += 1;
    return visits !== 2;
  };
  const steps = stepsOf({ lo: 1, hi: 200, most: 400, confirm: 5, batch: 3 }, program);
  const first = steps.findIndex(({ phase, at }) => phase === 'confirm' && at.includes(150));
  t.deepEqual(steps[first]?.at, [150, 150, 150]);
  t.not(steps[first + 1]?.at[0], 150);
});

test('the batch size does not change the answer for a deterministic program', (t) => {
  const property = fc.property(questions, fc.nat(HIGHEST), (question, limit) => {
    const program: Program = (at) => at >= limit;
    const { answer, trials } = find(question, program);
    const alone = find({ ...question, batch: 1 }, program);
    t.deepEqual([answer, trials], [alone.answer, alone.trials]);
  });
  fc.assert(property, { numRuns: 500 });
});
