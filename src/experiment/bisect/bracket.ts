import { auditAbove } from './audit.ts';
import {
  ask,
  isFail,
  isPass,
  list,
  type Notes,
  type Phase,
  passesEach,
  type Script,
  type SearchQuestion,
} from './trials.ts';

/** A program may fail anywhere, but the search for more failures must end. */
const MOST_RESTARTS = 8;
/** As a fraction of `hi`: failures no further apart than this belong to the same stretch of luck. */
const NEAR_PART = 32;

export type Bracket = Readonly<{ passes: number; fails: number }>;

/**
 * The steps down from `hi`, as fractions of the range below it: the edge is usually near. No more than two: after them,
 * halving the rest tries fewer numbers than a third step would.
 */
const STEPS = [1 / 16, 3 / 16];

/**
 * Goes down from `hi` until a number fails. One that passes is retried before the next step: if that was luck, the
 * search would never leave the range below. Null: it fails up to `most`.
 */
function* approach({ lo, hi, most, confirm }: SearchQuestion, notes: Notes): Script<Bracket | null> {
  const all = hi - lo + 1;
  const rest = Math.ceil(Math.log2(all + 1)) + 5 * confirm;
  const above = (fails: number) => bracketAbove(notes, { phase: 'bracket', fails, hi, most, rest });
  let passes: number | null = null;
  for (const part of STEPS) {
    const at: number = (passes ?? hi) - Math.ceil(part * all);
    if (at < lo) break;
    const isPassing =
      (yield* passesEach(notes, { phase: 'bracket', at, rest }, 1)) &&
      (yield* passesEach(notes, { phase: 'confirm', at, rest }, Math.min(1, confirm)));
    if (isPassing) passes = at;
    else return passes === null ? yield* above(at) : { passes, fails: at };
  }
  const fails = lo - 1;
  return passes === null ? yield* above(fails) : { passes, fails };
}

type Above = Readonly<{ phase: Phase; fails: number; hi: number; most: number; rest: number }>;

/**
 * The next passing number above: one that passed more than once, or `hi`, or one beyond it, each further away. Null:
 * none up to `most`.
 */
function* bracketAbove(notes: Notes, { phase, fails: known, hi, most, rest }: Above): Script<Bracket | null> {
  // One that passed once may have been lucky.
  const passed = list(notes).find((count) => count.at > known && isPass(count) && count.runs > 1);
  if (passed !== undefined) return { passes: passed.at, fails: known };
  let fails = known;
  let by = Math.max(1, Math.floor(hi / 64));
  let passes = Math.min(most, Math.max(hi, fails + 1));
  if (fails >= most) return null;
  while (!(yield* passesEach(notes, { phase, at: passes, rest }, 1))) {
    if (passes >= most) return null;
    fails = passes;
    passes = Math.min(most, passes + by);
    by *= 2;
  }
  return { passes, fails };
}

/**
 * Two neighbours: the greater one passes, the other fails, and no number tried above them fails for certain. `fails` is
 * `lo - 1` if it passes at `lo`. If it fails up to `most`, the greater one passed once but also failed. Null: no trial
 * passed.
 */
export function* findBracket(notes: Notes, question: SearchQuestion): Script<Bracket | null> {
  const { lo, hi, most, confirm } = question;
  let bracket = yield* approach(question, notes);
  if (bracket === null) {
    const lucky = list(notes).findLast(({ passed }) => passed > 0);
    return lucky === undefined ? null : { passes: lucky.at, fails: lucky.at - 1 };
  }
  let [near, before] = [0, -Infinity];
  for (let again = 0; ; again++) {
    // From the second round on, luck plays a part and one trial says less.
    const [phase, times] = again === 0 ? (['search', 1] as const) : (['widen', luckTimes(confirm)] as const);
    const { passes, fails }: Bracket = yield* halve(notes, bracket, { phase, times, rest: 5 * confirm });
    const isLast = again === MOST_RESTARTS;
    const isSure = yield* confirmed(notes, { passes, fails, lo, confirm, isLast });
    if (isLast) return { passes, fails };
    const sides = fails < lo ? [passes] : [passes, fails];
    const failing = isSure ? yield* auditAbove(notes, { passes, sides, top: hi, confirm }) : passes;
    if (failing === null) return { passes, fails };
    // If luck fades gradually, trying every number would take for ever: each round skips some more.
    near = failing - before <= hi / NEAR_PART ? near + 1 : 0;
    before = failing;
    const skipped = Math.min(most - 1, failing + 2 ** near - 1);
    // If nothing passes above that either, the numbers found are all that pass.
    const above = yield* bracketAbove(notes, { phase: 'widen', fails: skipped, hi, most, rest: 6 * confirm });
    bracket = above ?? { passes, fails };
    if (bracket.passes === passes) return bracket;
  }
}

/**
 * If the greater number fails, its pass was luck and the other one does not matter, except in the last round. If luck
 * is known to play a part, confirming takes as many trials again.
 */
function* confirmed(
  notes: Notes,
  { passes, fails, lo, confirm, isLast }: Bracket & Pick<SearchQuestion, 'lo' | 'confirm'> & { isLast: boolean },
): Script<boolean> {
  const phase = 'confirm';
  const isLuck = (): boolean => list(notes).some((count) => !isPass(count) && !isFail(count));
  const asked = isLuck() ? 2 * confirm : confirm;
  const isSure = yield* passesEach(notes, { phase, at: passes, rest: 4 * confirm }, asked);
  if (!isSure && !isLast) return false;
  if (fails >= lo) yield* ask(notes, { phase, at: [fails], times: confirm, rest: 3 * confirm });
  if (!isSure || asked > confirm || !isLuck()) return isSure;
  return yield* passesEach(notes, { phase, at: passes, rest: 3 * confirm }, confirm);
}

/** Trials of each number if luck plays a part. */
export function luckTimes(confirm: number): number {
  return Math.min(2, 1 + confirm);
}

type Halving = Readonly<{ phase: Phase; times: number; rest: number }>;

/** Narrows a bracket to two neighbours. */
export function* halve(notes: Notes, bracket: Bracket, { phase, times, rest }: Halving): Script<Bracket> {
  let { passes, fails } = bracket;
  while (passes - fails > 1) {
    const at = Math.floor((passes + fails) / 2);
    const more = Math.ceil(Math.log2(passes - fails)) - 1;
    if (yield* passesEach(notes, { phase, at, rest: more + rest }, times)) passes = at;
    else fails = at;
  }
  return { passes, fails };
}
