import { conclude } from './audit.ts';
import { type Bracket, findBracket, halve, luckTimes } from './bracket.ts';
import {
  type Count,
  each,
  isFail,
  isPass,
  list,
  missingTrials,
  type Notes,
  type Phase,
  type Script,
  type SearchQuestion,
  type SearchResult,
} from './trials.ts';

export type Trial = Readonly<{ at: number; passed: boolean }>;
/** The next numbers to try, in order; `rest`: the number of trials to follow unless there is a surprise. */
export type Tries = Readonly<{ kind: 'try'; phase: Phase; at: readonly number[]; rest: number }>;

/** The next trials, or the answer. Trials of a number count in the order in which they ran. */
export function nextStep(question: SearchQuestion, trials: readonly Trial[]): Tries | SearchResult {
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

export function* search(question: SearchQuestion): Script<SearchResult> {
  const { lo, confirm, batch } = question;
  const notes: Notes = { counts: new Map(), batch };
  const neighbours = yield* findBracket(notes, question);
  if (neighbours === null) return { kind: 'never' };
  let zone = yield* zoneAround(notes, neighbours, question);
  const gap = gapIn(zone);
  if (gap !== null) {
    const rest = 4 * confirm;
    const narrowed = yield* halve(notes, gap, { phase: 'widen', times: luckTimes(confirm), rest });
    zone = yield* zoneAround(notes, narrowed, question);
  }
  const { upper, lower, between } = zone;
  // Luck extends down to the smallest number: it certainly fails at none.
  const isLuckBelow = lower !== null && lower < lo && between.some((count) => !isPass(count));
  if (upper === null || lower === null || isLuckBelow) {
    return { kind: 'noisy', passes: upper, fails: isLuckBelow ? null : lower, between };
  }
  return yield* conclude(notes, { lo, lower, upper, between, confirm });
}

/** Null if there is no such edge. `between`: numbers tried between them. */
type Zone = Readonly<{ upper: number | null; lower: number | null; between: readonly Count[] }>;

/** The edges of the luck around two neighbours; the neighbours themselves if both are confirmed. */
function* zoneAround(
  notes: Notes,
  { passes, fails }: Bracket,
  { lo, most, confirm }: Pick<SearchQuestion, 'lo' | 'most' | 'confirm'>,
): Script<Zone> {
  const upper = yield* edge(notes, { from: passes, to: most, confirm, passes: true });
  const lower = fails < lo ? lo - 1 : yield* edge(notes, { from: fails, to: lo, confirm, passes: false });
  const between = list(notes).filter(({ at }) => at > (lower ?? 0) && at < (upper ?? most + 1));
  return { upper, lower, between };
}

/**
 * Finds the gap still to be narrowed if the edges are not neighbours although no number between them was a matter of
 * luck: the search had skipped a number that it assumed to fail, and that number passes.
 */
function gapIn({ upper, lower, between }: Zone): Bracket | null {
  if (upper === null || lower === null || upper - lower === 1) return null;
  if (between.some((count) => !isPass(count) && !isFail(count))) return null;
  const fails = between.findLast(isFail)?.at ?? lower;
  return { passes: between.find(({ at }) => at > fails)?.at ?? upper, fails };
}

type Edge = Readonly<{ from: number; to: number; confirm: number; passes: boolean }>;

/**
 * The first number, going from `from` to `to` in growing steps, with more than `confirm` trials that all agree; null if
 * none. The search may have left `from` unconfirmed or untried.
 */
function* edge(notes: Notes, { from, to, confirm, passes }: Edge): Script<number | null> {
  const way = to >= from ? 1 : -1;
  const clear = passes ? isPass : isFail;
  let at = from;
  for (let by = 1; ; by *= 2) {
    const known = notes.counts.get(at);
    if (known === undefined || clear(known)) {
      const times = missingTrials(known, confirm);
      yield* each(notes, { phase: 'widen', at, rest: 3 * confirm }, { passes, times });
    }
    if (clear(notes.counts.get(at))) return at;
    if (at === to) return null;
    at = way > 0 ? Math.min(to, from + by) : Math.max(to, from - by);
  }
}
