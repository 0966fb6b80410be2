/** The questions of a search, one after the other: read it from `search` on. */

import type { Answer, Count, Phase, Question } from './search.ts';

export type Ask = Readonly<{ phase: Phase; at: readonly number[]; times: number; rest: number }>;
/** Answered by how many of the trials passed, for each number. */
type Script<T> = Generator<Ask, T, readonly number[]>;

type Notes = Map<number, Count>;

export function* search(question: Question): Script<Answer> {
  const notes: Notes = new Map();
  const { lo, most, confirm } = question;
  const neighbours = yield* settle(notes, question);
  if (neighbours === null) return { kind: 'never' };
  const { passes, fails } = neighbours;
  const upper = yield* edge(notes, { from: passes, to: most, confirm, clear: isPass });
  const lower = fails < lo ? lo - 1 : yield* edge(notes, { from: fails, to: lo, confirm, clear: isFail });
  const between = list(notes).filter(({ at }) => at > (lower ?? 0) && at < (upper ?? most + 1));
  // Luck down to the smallest number: there is none at which it surely fails.
  const isLuckBelow = lower !== null && lower < lo && between.some((count) => !isPass(count));
  if (upper === null || lower === null || isLuckBelow) {
    return { kind: 'noisy', passes: upper, fails: isLuckBelow ? null : lower, between };
  }
  return yield* conclude(notes, { lo, lower, upper, between, confirm });
}

/** A program may fail anywhere, but there is an end to looking for more. */
const MOST_RESTARTS = 4;

type Bracket = Readonly<{ passes: number; fails: number }>;

/** How far below `hi` to look first, as a part of all that is below it. */
const PARTS = [16, 4];

/** Goes down from `hi` until it fails. Null: it fails up to `most`. */
function* approach({ lo, hi, most, confirm }: Question, notes: Notes): Script<Bracket | null> {
  const all = hi - lo + 1;
  const rest = Math.ceil(Math.log2(all + 1)) + 5 * confirm;
  let passes: number | null = null;
  for (const part of PARTS) {
    const at = hi - Math.ceil(all / part);
    if (at < lo || at === passes) continue;
    if (yield* passesOnce(notes, 'search', at, rest)) passes = at;
    else return passes === null ? yield* bracketAbove(notes, { fails: at, hi, most, rest }) : { passes, fails: at };
  }
  const fails = lo - 1;
  return passes === null ? yield* bracketAbove(notes, { fails, hi, most, rest }) : { passes, fails };
}

/** The next number above that passes: one that is known to, or `hi`, or beyond it, further away each time. Null: none up to `most`. */
function* bracketAbove(
  notes: Notes,
  { fails: known, hi, most, rest }: Readonly<{ fails: number; hi: number; most: number; rest: number }>,
): Script<Bracket | null> {
  const passed = list(notes).find((count) => count.at > known && isPass(count));
  if (passed !== undefined) return { passes: passed.at, fails: known };
  let fails = known;
  let by = Math.max(1, Math.floor(hi / 64));
  let passes = Math.min(most, Math.max(hi, fails + 1));
  if (fails >= most) return null;
  while (!(yield* passesOnce(notes, 'bracket', passes, rest))) {
    if (passes >= most) return null;
    fails = passes;
    passes = Math.min(most, passes + by);
    by *= 2;
  }
  return { passes, fails };
}

/**
 * Two neighbours, of which the greater one passes and the other fails, and above which nothing that was looked at fails
 * for sure. `fails` is `lo - 1` where it passes at `lo`. Null: it fails up to `most`.
 */
function* settle(notes: Notes, question: Question): Script<Bracket | null> {
  const { lo, hi, most, confirm } = question;
  let bracket = yield* approach(question, notes);
  for (let left = MOST_RESTARTS; bracket !== null; left--) {
    const { passes, fails } = yield* halve(notes, bracket, 5 * confirm);
    const sides = fails < lo ? [passes] : [passes, fails];
    yield* ask(notes, { phase: 'confirm', at: sides, times: confirm, rest: 3 * confirm });
    const failing = yield* auditAbove(notes, { passes, sides, top: hi, confirm });
    if (failing === null || left === 0) return { passes, fails };
    // Where nothing passes above that either, what was found is all that passes.
    bracket = (yield* bracketAbove(notes, { fails: failing, hi, most, rest: 6 * confirm })) ?? { passes, fails };
    if (bracket.passes === passes) return bracket;
  }
  return null;
}

function* halve(notes: Notes, bracket: Bracket, rest: number): Script<Bracket> {
  let { passes, fails } = bracket;
  while (passes - fails > 1) {
    const middle = Math.floor((passes + fails) / 2);
    const more = Math.ceil(Math.log2(passes - fails)) - 1;
    if (yield* passesOnce(notes, 'search', middle, more + rest)) passes = middle;
    else fails = middle;
  }
  return { passes, fails };
}

type Edge = Readonly<{ from: number; to: number; confirm: number; clear: (count: Count | undefined) => boolean }>;

/** The first number, going from `from` to `to` in growing steps, whose trials all came out the same; null: none. */
function* edge(notes: Notes, { from, to, confirm, clear }: Edge): Script<number | null> {
  const way = to >= from ? 1 : -1;
  let at = from;
  for (let by = 1; !clear(notes.get(at)); by *= 2) {
    if (at === to) return null;
    at = way > 0 ? Math.min(to, from + by) : Math.max(to, from - by);
    yield* ask(notes, { phase: 'widen', at: [at], times: confirm, rest: 3 * confirm });
  }
  return at;
}

/** Looks above, where the halving did not. Gives the greatest number that failed more than once; null: none did. */
function* auditAbove(
  notes: Notes,
  { passes, sides, top, confirm }: Readonly<{ passes: number; sides: readonly number[]; top: number; confirm: number }>,
): Script<number | null> {
  const known = [...notes.keys()].filter((at) => at >= passes);
  const at = middles([...known, Math.max(top, passes)], confirm);
  // Where luck plays a part already, one trial says less.
  const times = sides.every((side) => isPass(notes.get(side)) || isFail(notes.get(side))) ? 1 : confirm;
  yield* ask(notes, { phase: 'audit', at, times, rest: 2 * confirm });
  for (const count of list(notes).toReversed()) {
    if (count.at <= passes || isPass(count)) continue;
    yield* ask(notes, { phase: 'recheck', at: [count.at], times: confirm, rest: confirm });
    const now = notes.get(count.at);
    if (now !== undefined && now.runs - now.passed > 1) return count.at;
  }
  return null;
}

type Edges = Readonly<{ lo: number; lower: number; upper: number; between: readonly Count[]; confirm: number }>;

/** To be told not to be monotonic takes more than luck: so many times what confirms, and of so many numbers. */
const RECHECKS = 3;
const SUSPECTS = 2;

/** Looks below as well. What passes there is tried again, until it is mixed or sure. */
function* conclude(notes: Notes, { lo, lower, upper, between, confirm }: Edges): Script<Answer> {
  const isBelow = ({ at }: Count): boolean => at >= lo && at < lower;
  const near = steps(lower, confirm).filter((at) => at >= lo && !notes.has(at));
  const known = list(notes)
    .filter(isBelow)
    .map(({ at }) => at);
  const wide = middles([lo - 1, ...known, ...near, Math.max(lower, lo - 1)], confirm);
  yield* ask(notes, { phase: 'audit', at: [...near, ...wide], times: 1, rest: 0 });
  const passing = list(notes).filter((count) => isBelow(count) && isPass(count));
  const suspects = passing.toSorted((a, b) => b.runs - a.runs || b.at - a.at).slice(0, SUSPECTS);
  for (const suspect of suspects) {
    for (let left = RECHECKS; left > 0 && isPass(notes.get(suspect.at)); left--) {
      yield* ask(notes, { phase: 'recheck', at: [suspect.at], times: confirm, rest: 0 });
    }
  }
  const isAbove = (count: Count): boolean => count.at > upper && !isPass(count);
  const surprises = list(notes).filter((count) => isAbove(count) || (isBelow(count) && !isFail(count)));
  return (
    counterExample(notes, { upper, lower, surprises, suspects }) ?? answerOf({ lo, lower, upper, between, surprises })
  );
}

function answerOf({
  lo,
  lower,
  upper,
  between,
  surprises,
}: Omit<Edges, 'confirm'> & { surprises: readonly Count[] }): Answer {
  return lower < lo
    ? { kind: 'always', surprises }
    : { kind: 'found', passes: upper, fails: lower, between, surprises };
}

type Findings = Readonly<{
  upper: number;
  lower: number;
  surprises: readonly Count[];
  /** What was tried again below. */
  suspects: readonly Count[];
}>;

function counterExample(notes: Notes, { upper, lower, surprises, suspects }: Findings): Answer | null {
  const kind = 'not-monotonic';
  const passes = notes.get(upper);
  // Left over where the search did not go on any more; the one that was tried most.
  const [failsAbove] = surprises
    .filter((count) => count.at > upper && isFail(count))
    .toSorted((a, b) => b.runs - a.runs);
  if (failsAbove !== undefined && passes !== undefined) return { kind, passes, fails: failsAbove, from: null };
  const below = suspects.map(({ at }) => notes.get(at)).find(isPass);
  const fails = notes.get(lower);
  if (below === undefined || fails === undefined) return null;
  return { kind, passes: below, fails, from: surprises.some(({ at }) => at > upper) ? null : upper };
}

/** `count` numbers below `from`, each three times as far as the one before: what is odd is often near the edge. */
function steps(from: number, count: number): number[] {
  return Array.from({ length: count }, (_, index) => from - 3 ** (index + 1));
}

/** Up to `count` numbers, each in the middle of the widest gap that is then left between the given ones. */
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

function* passesOnce(notes: Notes, phase: Phase, at: number, rest: number): Script<boolean> {
  const before = notes.get(at)?.passed ?? 0;
  yield* ask(notes, { phase, at: [at], times: 1, rest });
  return (notes.get(at)?.passed ?? 0) > before;
}

function* ask(notes: Notes, question: Ask): Script<void> {
  if (question.at.length === 0) return;
  const passed = yield question;
  for (const [index, at] of question.at.entries()) {
    const so = notes.get(at) ?? { at, passed: 0, runs: 0 };
    notes.set(at, { at, passed: so.passed + (passed[index] ?? 0), runs: so.runs + question.times });
  }
}

function list(notes: Notes): Count[] {
  return [...notes.values()].sort((a, b) => a.at - b.at);
}

function isPass(count: Count | undefined): boolean {
  return count !== undefined && count.passed === count.runs;
}

function isFail(count: Count | undefined): boolean {
  return count !== undefined && count.passed === 0;
}
