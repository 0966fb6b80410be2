export type Ask = Readonly<{ phase: Phase; at: readonly number[]; times: number; rest: number }>;
/** Answered with the number of passed trials for each number. */
export type Script<T> = Generator<Ask, T, readonly number[]>;

/** What to try. */
export type TrialPlace = Readonly<{ phase: Phase; at: number; rest: number }>;

export type Notes = Readonly<{
  counts: Map<number, Count>;
  /** Number of trials of one number requested at a time if several are needed. */
  batch: number;
}>;

/** Runs `times` trials, or until one fails; a batch is always completed. */
export function* passesEach(notes: Notes, where: TrialPlace, times: number): Script<boolean> {
  return yield* each(notes, where, { passes: true, times });
}

/** Runs `times` trials, or until one has the other result; a batch is always completed. */
export function* each(
  notes: Notes,
  { phase, at, rest }: TrialPlace,
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

/** Whether it was tried as often as a number found by one trial and then confirmed. */
export function isConfirmed(count: Count | undefined, confirm: number): boolean {
  return missingTrials(count, confirm) === 0;
}

/** Number of further trials needed to confirm a number's result so far. */
export function missingTrials(count: Count | undefined, confirm: number): number {
  return Math.max(0, confirm + 1 - (count?.runs ?? 0));
}

export type SearchQuestion = Readonly<{
  /** The smallest number that counts, at least 1. */
  lo: number;
  /** Expected to pass. */
  hi: number;
  /** How far to go up if `hi` does not pass; at least `hi`. */
  most: number;
  /** Trials on either side of the result, and numbers tried elsewhere: above, just below, far below. */
  confirm: number;
  /** Trials of one number run at a time if several are wanted: with more than one the search takes another course. */
  batch: number;
}>;

export type Count = Readonly<{ at: number; passed: number; runs: number }>;

/**
 * `bracket`: between which numbers is it? `widen`: where does luck end? `audit`: far from the edge. `recheck`: after a
 * surprise in an audit.
 */
export type Phase = 'bracket' | 'search' | 'confirm' | 'widen' | 'audit' | 'recheck';

export type SearchResult =
  /**
   * `passes` passed and `fails` failed every time, in more than `confirm` trials; they are neighbours unless `between`
   * has numbers that did neither.
   */
  | Readonly<{ kind: 'found'; passes: number; fails: number; between: readonly Count[]; surprises: readonly Count[] }>
  /** It already passes at `lo`, in more than `confirm` trials. */
  | Readonly<{ kind: 'always'; surprises: readonly Count[] }>
  /** It fails at every number tried, up to `most`: no trial passed. */
  | Readonly<{ kind: 'never' }>
  /**
   * It passes at `passes` and fails at `fails`, the greater number, every time in more than `confirm` trials. It passes
   * at `from` and at every number tried above; null: not known.
   */
  | Readonly<{ kind: 'not-monotonic'; passes: Count; fails: Count; from: number | null }>
  /** No number was found above which (`passes` is null) or below which it is not a matter of luck. */
  | Readonly<{ kind: 'noisy'; passes: number | null; fails: number | null; between: readonly Count[] }>;
