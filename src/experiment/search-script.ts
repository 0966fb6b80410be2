/** The questions of a search, one after the other: read it from `search` on. */

import type { Answer, Question } from './search.ts';
import { each, isFail, isPass, list, type Notes, type Script } from './search-asking.ts';
import { conclude } from './search-audit.ts';
import { settle } from './search-settle.ts';

export function* search(question: Question): Script<Answer> {
  const { lo, most, confirm, batch } = question;
  const notes: Notes = { counts: new Map(), batch };
  const neighbours = yield* settle(notes, question);
  if (neighbours === null) return { kind: 'never' };
  const { passes, fails } = neighbours;
  const upper = yield* edge(notes, { from: passes, to: most, confirm, passes: true });
  const lower = fails < lo ? lo - 1 : yield* edge(notes, { from: fails, to: lo, confirm, passes: false });
  const between = list(notes).filter(({ at }) => at > (lower ?? 0) && at < (upper ?? most + 1));
  // Luck down to the smallest number: there is none at which it surely fails.
  const isLuckBelow = lower !== null && lower < lo && between.some((count) => !isPass(count));
  if (upper === null || lower === null || isLuckBelow) {
    return { kind: 'noisy', passes: upper, fails: isLuckBelow ? null : lower, between };
  }
  return yield* conclude(notes, { lo, lower, upper, between, confirm });
}

type Edge = Readonly<{ from: number; to: number; confirm: number; passes: boolean }>;

/** The first number, going from `from` to `to` in growing steps, whose trials all came out the same; null: none. */
function* edge(notes: Notes, { from, to, confirm, passes }: Edge): Script<number | null> {
  const way = to >= from ? 1 : -1;
  const clear = passes ? isPass : isFail;
  let at = from;
  for (let by = 1; !clear(notes.counts.get(at)); by *= 2) {
    if (at === to) return null;
    at = way > 0 ? Math.min(to, from + by) : Math.max(to, from - by);
    yield* each(notes, { phase: 'widen', at, rest: 3 * confirm }, { passes, times: confirm });
  }
  return at;
}
