/** The smallest limit that passes, to the page: as `bisect` finds it, without what confirms it. */

import { nextStep } from '../experiment/search.ts';

export type Question = Readonly<{
  /** Limits are multiples of this. */
  page: number;
  /** Expected to pass; tried first. */
  guess: number;
  /** How far to go up where the guess does not pass. */
  most: number;
}>;

export type Smallest = Readonly<{
  /** Null: none passes up to the question's `most`. */
  limit: number | null;
  /** Limits tried, in order. */
  trials: readonly Readonly<{ limit: number; passed: boolean }>[];
}>;

export async function findSmallest(
  { page, guess, most }: Question,
  passes: (limit: number) => Promise<boolean>,
): Promise<Smallest> {
  const last = Math.floor(most / page);
  const question = { lo: 1, hi: Math.min(last, Math.ceil(guess / page)), most: last, confirm: 0, batch: 1 };
  const trials: { at: number; passed: boolean }[] = [];
  let step = nextStep(question, trials);
  while (step.kind === 'try') {
    for (const at of step.at) trials.push({ at, passed: await passes(at * page) });
    step = nextStep(question, trials);
  }
  const pages = step.kind === 'found' ? step.passes : step.kind === 'always' ? question.lo : null;
  return {
    limit: pages === null ? null : pages * page,
    trials: trials.map(({ at, passed }) => ({ limit: at * page, passed })),
  };
}
