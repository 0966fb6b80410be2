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

/** A program may fail anywhere, but there is an end to looking for more. */
const MOST_RESTARTS = 8;
/** As a part of `hi`: what failed no further apart than that is the same stretch of luck. */
const NEAR_PART = 32;

export type Bracket = Readonly<{ passes: number; fails: number }>;

/**
 * The steps down from `hi`, as parts of all that is below it: the edge is mostly near. No more than two: below them
 * halving what is left asks about fewer numbers than a third step would.
 */
const STEPS = [1 / 16, 3 / 16];

/**
 * Goes down from `hi` until it fails. Where it passes it is asked again before the next step: what is below would never
 * be left any more if that was luck. Null: it fails up to `most`.
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

/** The next number above that passes: one that did more than once, or `hi`, or beyond it, further away each time. Null: none up to `most`. */
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
 * Two neighbours, of which the greater one passes and the other fails, and above which nothing that was looked at fails
 * for sure. `fails` is `lo - 1` if it passes at `lo`. If it fails up to `most`, the greater one is one that passed once
 * and failed as well. Null: no trial passed.
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
    // From the second time on luck plays a part, and one trial says less.
    const [phase, times] = again === 0 ? (['search', 1] as const) : (['widen', luckTimes(confirm)] as const);
    const { passes, fails }: Bracket = yield* halve(notes, bracket, { phase, times, rest: 5 * confirm });
    const isLast = again === MOST_RESTARTS;
    const isSure = yield* confirmed(notes, { passes, fails, lo, confirm, isLast });
    if (isLast) return { passes, fails };
    const sides = fails < lo ? [passes] : [passes, fails];
    const failing = isSure ? yield* auditAbove(notes, { passes, sides, top: hi, confirm }) : passes;
    if (failing === null) return { passes, fails };
    // Where luck ends by and by, one number after the other would take for ever: each time some more are left out.
    near = failing - before <= hi / NEAR_PART ? near + 1 : 0;
    before = failing;
    const skipped = Math.min(most - 1, failing + 2 ** near - 1);
    // Where nothing passes above that either, what was found is all that passes.
    const above = yield* bracketAbove(notes, { phase: 'widen', fails: skipped, hi, most, rest: 6 * confirm });
    bracket = above ?? { passes, fails };
    if (bracket.passes === passes) return bracket;
  }
}

/**
 * Where the greater one fails it was luck, and the other one does not matter, but for the last time. Where luck is known
 * to play a part it takes as much again.
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

/** How often to try each number where luck plays a part. */
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
