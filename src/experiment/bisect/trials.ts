export type Ask = Readonly<{ phase: Phase; at: readonly number[]; times: number; rest: number }>;
/** Answered by how many of the trials passed, for each number. */
export type Script<T> = Generator<Ask, T, readonly number[]>;

/** What to ask about. */
export type TrialPlace = Readonly<{ phase: Phase; at: number; rest: number }>;

export type Notes = Readonly<{
  counts: Map<number, Count>;
  /** So many trials of one number are asked for at a time when there are several to make. */
  batch: number;
}>;

/** Asks so many times, or until it fails; a batch is asked to its end. */
export function* passesEach(notes: Notes, where: TrialPlace, times: number): Script<boolean> {
  return yield* each(notes, where, { passes: true, times });
}

/** Asks so many times, or until one comes out otherwise; a batch is asked to its end. */
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

/** Tried as often as a number that is found by one trial and then confirmed. */
export function isConfirmed(count: Count | undefined, confirm: number): boolean {
  return missingTrials(count, confirm) === 0;
}

/** How many more trials confirm what a number has shown so far. */
export function missingTrials(count: Count | undefined, confirm: number): number {
  return Math.max(0, confirm + 1 - (count?.runs ?? 0));
}

export type SearchQuestion = Readonly<{
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

export type Count = Readonly<{ at: number; passed: number; runs: number }>;

/** `bracket`: between which numbers is it? `widen`: where does luck end? `audit`: far from the edge. `recheck`: an audit was a surprise. */
export type Phase = 'bracket' | 'search' | 'confirm' | 'widen' | 'audit' | 'recheck';

export type SearchResult =
  /** `passes` and `fails` did so each time, in more than `confirm` trials; they are neighbours unless `between` has numbers that did neither. */
  | Readonly<{ kind: 'found'; passes: number; fails: number; between: readonly Count[]; surprises: readonly Count[] }>
  /** It passes at `lo` already, in more than `confirm` trials. */
  | Readonly<{ kind: 'always'; surprises: readonly Count[] }>
  /** It fails at every number tried, up to `most`: no trial passed. */
  | Readonly<{ kind: 'never' }>
  /** It passes at `passes` and fails at `fails`, which is the greater number; each time, in more than `confirm` trials. At `from` and all that was tried above it passes; null: that is not known. */
  | Readonly<{ kind: 'not-monotonic'; passes: Count; fails: Count; from: number | null }>
  /** No number was found above which (`passes` is null) or below which it is not a matter of luck. */
  | Readonly<{ kind: 'noisy'; passes: number | null; fails: number | null; between: readonly Count[] }>;
