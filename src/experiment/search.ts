/**
 * The smallest whole number at which something passes, asked of trials that may be wrong now and then.
 *
 * It is approached from above, where passing is sure: in steps that grow until one fails, each asked twice where it
 * passes, and then by halving. That takes about as many trials as halving from the start, and fewer where the number is
 * near the expected one; above all it finds the edge that matters where passing is a matter of luck further down.
 *
 * A halving never contradicts itself: it sees only what agrees with it. So what it finds is confirmed. Where what passed
 * then fails, or a number above it does, again and again, that was luck, or an island: the search goes on above that,
 * and takes more to be convinced. What is found is the number from which on it passes; below it, the edge is sought under
 * which it always fails, if luck lies between; and a few other numbers are tried, since passing need not be monotonic:
 * some below, each three times as far as the one before, and some in the middle of the widest stretches that nobody
 * looked at.
 *
 * Pure: the script below asks and is answered from a list of trials, so the same list always leads to the same question.
 */

import { search } from './search-script.ts';

export type Question = Readonly<{
  /** The smallest number that counts, at least 1. */
  lo: number;
  /** Expected to pass. */
  hi: number;
  /** How far to go up where `hi` does not pass; at least `hi`. */
  most: number;
  /** Trials on either side of what was found, and numbers looked at elsewhere: above, near below, far below. */
  confirm: number;
  /** So many trials of one number are made at a time when several are wanted: more than one take another course. */
  batch: number;
}>;

export type Trial = Readonly<{ at: number; passed: boolean }>;
export type Count = Readonly<{ at: number; passed: number; runs: number }>;

/** `bracket`: between which numbers is it? `widen`: where does luck end? `audit`: far from the edge. `recheck`: an audit was a surprise. */
export type Phase = 'bracket' | 'search' | 'confirm' | 'widen' | 'audit' | 'recheck';

/** What to try next, in this order; `rest`: how many trials will follow, if there is no surprise. */
export type Tries = Readonly<{ kind: 'try'; phase: Phase; at: readonly number[]; rest: number }>;

export type Answer =
  /** `passes` and `fails` did so each time; they are neighbours unless `between` has numbers that did neither. */
  | Readonly<{ kind: 'found'; passes: number; fails: number; between: readonly Count[]; surprises: readonly Count[] }>
  /** It passes at `lo` already. */
  | Readonly<{ kind: 'always'; surprises: readonly Count[] }>
  /** It fails at every number tried, up to `most`. */
  | Readonly<{ kind: 'never' }>
  /** It passes at `passes` and fails at `fails`, which is the greater number; each time, on several trials. At `from` and all that was tried above it passes; null: that is not known. */
  | Readonly<{ kind: 'not-monotonic'; passes: Count; fails: Count; from: number | null }>
  /** No number was found above which (`passes` is null) or below which it is not a matter of luck. */
  | Readonly<{ kind: 'noisy'; passes: number | null; fails: number | null; between: readonly Count[] }>;

/** The next trials, or the answer. Trials of a number count in the order in which they were made. */
export function nextStep(question: Question, trials: readonly Trial[]): Tries | Answer {
  const made = Map.groupBy(trials, ({ at }) => at);
  const used = new Map<number, number>();
  const script = search(question);
  let step = script.next();
  while (!step.done) {
    const { phase, at, times, rest } = step.value;
    const taken = at.map((position) => {
      const from = used.get(position) ?? 0;
      used.set(position, from + times);
      return (made.get(position) ?? []).slice(from, from + times);
    });
    const missing = rounds(times).flatMap((round) => at.filter((_, index) => (taken[index]?.length ?? 0) <= round));
    if (missing.length > 0) return { kind: 'try', phase, at: missing, rest };
    step = script.next(taken.map((own) => own.filter(({ passed }) => passed).length));
  }
  return step.value;
}

function rounds(times: number): number[] {
  return Array.from({ length: times }, (_, round) => round);
}
