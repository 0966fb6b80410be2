/** What the parts of a search share: they ask, and note what came of it. */

import type { Count, Phase } from './search.ts';

export type Ask = Readonly<{ phase: Phase; at: readonly number[]; times: number; rest: number }>;
/** Answered by how many of the trials passed, for each number. */
export type Script<T> = Generator<Ask, T, readonly number[]>;

/** What to ask about. */
export type Where = Readonly<{ phase: Phase; at: number; rest: number }>;

export type Notes = Readonly<{
  counts: Map<number, Count>;
  /** So many trials of one number are asked for at a time when there are several to make. */
  batch: number;
}>;

/** Asks so many times, or until it fails; a batch is asked to its end. */
export function* passesEach(notes: Notes, where: Where, times: number): Script<boolean> {
  return yield* each(notes, where, { passes: true, times });
}

/** Asks so many times, or until one comes out otherwise; a batch is asked to its end. */
export function* each(
  notes: Notes,
  { phase, at, rest }: Where,
  { passes, times }: Readonly<{ passes: boolean; times: number }>,
): Script<boolean> {
  for (let left = times; left > 0; ) {
    const before = notes.counts.get(at)?.passed ?? 0;
    const asked = Math.min(notes.batch, left);
    left -= asked;
    yield* ask(notes, { phase, at: [at], times: asked, rest: rest + left });
    if ((notes.counts.get(at)?.passed ?? 0) - before !== (passes ? asked : 0)) return false;
  }
  return true;
}

export function* ask(notes: Notes, question: Ask): Script<void> {
  if (question.at.length === 0) return;
  const passed = yield question;
  for (const [index, at] of question.at.entries()) {
    const so = notes.counts.get(at) ?? { at, passed: 0, runs: 0 };
    notes.counts.set(at, { at, passed: so.passed + (passed[index] ?? 0), runs: so.runs + question.times });
  }
}

export function list(notes: Notes): Count[] {
  return [...notes.counts.values()].sort((a, b) => a.at - b.at);
}

export function isPass(count: Count | undefined): boolean {
  return count !== undefined && count.passed === count.runs;
}

export function isFail(count: Count | undefined): boolean {
  return count !== undefined && count.passed === 0;
}
