import {
  ask,
  type Count,
  each,
  isConfirmed,
  isFail,
  isPass,
  list,
  missingTrials,
  type Notes,
  type Script,
  type SearchResult,
} from './trials.ts';

/**
 * Tries numbers above, which the halving skipped. Returns the greatest that failed more than once; null if none did.
 */
export function* auditAbove(
  notes: Notes,
  { passes, sides, top, confirm }: Readonly<{ passes: number; sides: readonly number[]; top: number; confirm: number }>,
): Script<number | null> {
  const known = [...notes.counts.keys()].filter((at) => at >= passes);
  const at = middles([...known, Math.max(top, passes)], confirm);
  // If luck already plays a part, one trial says less.
  const times = sides.every((side) => isPass(notes.counts.get(side)) || isFail(notes.counts.get(side)))
    ? 1
    : Math.min(2, confirm);
  yield* ask(notes, { phase: 'audit', at, times, rest: 2 * confirm });
  for (const count of list(notes).toReversed()) {
    if (count.at <= passes || isPass(count)) continue;
    yield* ask(notes, { phase: 'recheck', at: [count.at], times: confirm, rest: confirm });
    const now = notes.counts.get(count.at);
    if (now !== undefined && now.runs - now.passed > 1) return count.at;
  }
  return null;
}

export type Edges = Readonly<{ lo: number; lower: number; upper: number; between: readonly Count[]; confirm: number }>;

/**
 * Reporting non-monotonic results takes more than luck: this many times the confirming trials, for this many numbers.
 */
const RECHECKS = 3;
const SUSPECTS = 2;

/** Retries failed numbers above, which the search no longer tried, until one is confirmed to fail. */
function* recheckAbove(notes: Notes, upper: number, confirm: number): Script<void> {
  const failing = list(notes).filter((count) => count.at > upper && isFail(count));
  for (const count of failing.toSorted((a, b) => b.runs - a.runs).slice(0, SUSPECTS)) {
    const { at } = count;
    yield* each(notes, { phase: 'recheck', at, rest: 0 }, { passes: false, times: missingTrials(count, confirm) });
    if (isFail(notes.counts.get(at))) return;
  }
}

/** Tries numbers below as well. Those that pass are retried until they are mixed or certain. */
export function* conclude(notes: Notes, { lo, lower, upper, between, confirm }: Edges): Script<SearchResult> {
  const isBelow = ({ at }: Count): boolean => at >= lo && at < lower;
  const near = steps(lower, confirm).filter((at) => at >= lo && !notes.counts.has(at));
  const known = list(notes)
    .filter(isBelow)
    .map(({ at }) => at);
  const wide = middles([lo - 1, ...known, ...near, Math.max(lower, lo - 1)], confirm);
  yield* ask(notes, { phase: 'audit', at: [...near, ...wide], times: 1, rest: 0 });
  const passing = list(notes).filter((count) => isBelow(count) && isPass(count));
  const suspects = passing.toSorted((a, b) => b.runs - a.runs || b.at - a.at).slice(0, SUSPECTS);
  for (const suspect of suspects) {
    for (let left = RECHECKS; left > 0 && isPass(notes.counts.get(suspect.at)); left--) {
      yield* ask(notes, { phase: 'recheck', at: [suspect.at], times: confirm, rest: 0 });
    }
  }
  yield* recheckAbove(notes, upper, confirm);
  const isAbove = (count: Count): boolean => count.at > upper && !isPass(count);
  const surprises = list(notes).filter((count) => isAbove(count) || (isBelow(count) && !isFail(count)));
  return (
    counterExample(notes, { upper, lower, surprises, suspects, confirm }) ??
    answerOf({ lo, lower, upper, between, surprises })
  );
}

function answerOf({
  lo,
  lower,
  upper,
  between,
  surprises,
}: Omit<Edges, 'confirm'> & { surprises: readonly Count[] }): SearchResult {
  return lower < lo
    ? { kind: 'always', surprises }
    : { kind: 'found', passes: upper, fails: lower, between, surprises };
}

type Findings = Readonly<{
  upper: number;
  lower: number;
  surprises: readonly Count[];
  /** Numbers retried below. */
  suspects: readonly Count[];
  confirm: number;
}>;

function counterExample(notes: Notes, { upper, lower, surprises, suspects, confirm }: Findings): SearchResult | null {
  const kind = 'not-monotonic';
  const passes = notes.counts.get(upper);
  // The one with the most trials.
  const [failsAbove] = surprises
    .filter((count) => count.at > upper && isFail(count) && isConfirmed(count, confirm))
    .toSorted((a, b) => b.runs - a.runs);
  if (failsAbove !== undefined && passes !== undefined) return { kind, passes, fails: failsAbove, from: null };
  const below = suspects.map(({ at }) => notes.counts.get(at)).find(isPass);
  const fails = notes.counts.get(lower);
  if (below === undefined || fails === undefined) return null;
  return { kind, passes: below, fails, from: surprises.some(({ at }) => at > upper) ? null : upper };
}

/** The least that a program may do without is a process, whose stack takes four pages. */
const NEAREST = 4;

/** `count` numbers below `from`, each three times as far away as the one before: anomalies are often near the edge. */
function steps(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from - NEAREST * 3 ** index);
}

/** Up to `count` numbers, each in the middle of the widest gap then left between the given ones. */
export function middles(given: readonly number[], count: number): number[] {
  const known = [...new Set(given)].sort((a, b) => a - b);
  const found: number[] = [];
  while (found.length < count) {
    const gaps = known
      .slice(1)
      .map((at, index) => ({ index, from: known[index] ?? at, width: at - (known[index] ?? at) }));
    const widest = gaps.reduce((best, gap) => (gap.width > best.width ? gap : best), { index: 0, from: 0, width: 1 });
    if (widest.width < 2) break;
    const middle = widest.from + Math.floor(widest.width / 2);
    found.push(middle);
    known.splice(widest.index + 1, 0, middle);
  }
  return found;
}
