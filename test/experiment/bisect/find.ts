import type { ExecutionContext } from 'ava';
import fc from 'fast-check';
import { nextStep, type Trial } from '../../../src/experiment/bisect/search.ts';
import type { Phase, SearchQuestion, SearchResult } from '../../../src/experiment/bisect/trials.ts';

export type Program = (at: number) => boolean;

/** Asks until there is an answer. */
export function find(
  question: SearchQuestion,
  passes: Program,
): { answer: SearchResult; trials: Trial[]; phases: Phase[] } {
  const trials: Trial[] = [];
  const phases: Phase[] = [];
  for (;;) {
    const step = nextStep(question, trials);
    if (step.kind !== 'try') return { answer: step, trials, phases };
    if (trials.length > 1000) throw new Error('no answer after 1,000 trials');
    for (const at of step.at) {
      trials.push({ at, passed: passes(at) });
      phases.push(step.phase);
    }
  }
}

/** Like fc.assert(), but a failed assertion does not hide the seed and the counterexample. */
export function holds<Values>(t: ExecutionContext, property: fc.IProperty<Values>, parameters: fc.Parameters<Values>) {
  const details = fc.check(property, parameters);
  if (!details.failed) return;
  t.log(fc.defaultReportMessage(details));
  t.fail('the property fails; its seed and counterexample are logged above');
}

export const HIGHEST = 5000;
export const questions = fc
  .record({
    lo: fc.integer({ min: 1, max: 50 }),
    up: fc.nat(HIGHEST),
    more: fc.nat(HIGHEST),
    confirm: fc.integer({ min: 1, max: 5 }),
    batch: fc.integer({ min: 1, max: 4 }),
  })
  .map(({ lo, up, more, ...rest }): SearchQuestion => ({ lo, hi: lo + up, most: lo + up + more, ...rest }));

export function log2(count: number): number {
  return Math.ceil(Math.log2(count));
}
