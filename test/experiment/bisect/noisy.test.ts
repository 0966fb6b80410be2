/** Programs that pass by luck: what an answer may say about them. */

import test from 'ava';
import fc from 'fast-check';
import type { SearchQuestion } from '../../../src/experiment/bisect/trials.ts';
import { randomFrom } from '../../../src/experiment/sweep/points.ts';
import { find, HIGHEST, holds, questions } from './find.ts';

/** How a program passes by luck: the chance at each number, given where luck begins and ends. */
const chances = {
  /** Always fails below, always passes above, by chance in between. */
  zone: (at: number, { from, to }: Luck) => (at > to ? 1 : at >= from ? 0.5 : 0),
  coin: (_: number, { from, to }: Luck) => (from + to) / 2 / HIGHEST,
  'rarely otherwise': (at: number, { to }: Luck) => (at > to ? 0.98 : 0.02),
} as const;

type Luck = Readonly<{ from: number; to: number }>;
type Noisy = Readonly<{ kind: keyof typeof chances; question: SearchQuestion; limit: number; spread: number }>;

function zone(question: SearchQuestion, limit: number, spread: number): Noisy {
  return { kind: 'zone', question, limit, spread };
}

/** The zone is anywhere, or where the search starts or ends: luck there surprises it. */
const noisy = fc
  .record({
    question: questions,
    kind: fc.constantFrom('zone', 'zone', 'zone', 'coin', 'rarely otherwise'),
    anywhere: fc.integer({ min: 60, max: HIGHEST }),
    place: fc.constantFrom('anywhere', 'lo', 'first step', 'hi', 'most'),
    near: fc.integer({ min: -45, max: 45 }),
    spread: fc.nat(40),
  })
  .map(({ question, kind, anywhere, place, near, spread }): Noisy => {
    const { lo, hi, most } = question;
    const places = { anywhere, lo, 'first step': hi - Math.ceil((hi - lo + 1) / 16), hi, most };
    const limit = place === 'anywhere' ? anywhere : Math.max(60, places[place] + near);
    return { kind, question, limit, spread };
  });

/** Each gave a wrong answer once, with this seed of its luck. */
const wrongOnce: [Noisy, number][] = [
  // `never`, though a trial passed.
  [zone({ lo: 14, hi: 205, most: 209, confirm: 1, batch: 1 }, 195, 37), 800_699_074],
  [zone({ lo: 6, hi: 227, most: 238, confirm: 4, batch: 3 }, 210, 36), 1_271_433_666],
  // `found`, and one trial at `fails`.
  [zone({ lo: 4, hi: 4212, most: 4707, confirm: 4, batch: 3 }, 4716, 28), 14],
  [zone({ lo: 15, hi: 2952, most: 2961, confirm: 4, batch: 2 }, 2968, 32), 2_147_483_620],
  // `found`, and only numbers that passed each time between `fails` and `passes`.
  [zone({ lo: 28, hi: 1515, most: 1531, confirm: 2, batch: 4 }, 1382, 27), 678_303_274],
  [zone({ lo: 24, hi: 3799, most: 7213, confirm: 1, batch: 2 }, 1673, 12), 850_260_010],
  // `noisy`, and one trial at `fails`.
  [zone({ lo: 45, hi: 57, most: 59, confirm: 2, batch: 3 }, 61, 4), 637_322_525],
  [zone({ lo: 39, hi: 39, most: 4883, confirm: 2, batch: 3 }, 4884, 2), 1_916_353_280],
  // `not-monotonic`, and one trial at `fails`.
  [zone({ lo: 5, hi: 2842, most: 2848, confirm: 2, batch: 4 }, 2842, 24), 115_853_919],
  [zone({ lo: 42, hi: 642, most: 654, confirm: 3, batch: 2 }, 619, 37), 119_628_317],
];

test('the answer for a noisy program matches its trials and the zone of luck', (t) => {
  const property = fc.property(noisy, fc.nat(), ({ kind, question, limit, spread }, seed) => {
    const random = randomFrom(seed);
    const luck = { from: limit - spread, to: limit + spread };
    const { answer, trials } = find(question, (at) => {
      const chance = chances[kind](at, luck);
      return chance === 1 || (chance > 0 && random() < chance);
    });
    const { lo, most, confirm } = question;
    const count = (at: number) => {
      const own = trials.filter((trial) => trial.at === at);
      return { at, passed: own.filter(({ passed }) => passed).length, runs: own.length };
    };
    const each = (at: number, passed: boolean) => {
      const { runs, ...own } = count(at);
      t.is(own.passed, passed ? runs : 0);
      t.true(runs > confirm, `${at}: ${runs} trials`);
    };
    t.true(trials.length < 600);
    for (const { at } of trials) t.true(at >= lo && at <= most);
    if (answer.kind === 'found') {
      const { passes, fails, between, surprises } = answer;
      t.true(fails < passes);
      if (kind === 'zone') t.true(passes >= luck.from && fails <= luck.to);
      each(passes, true);
      each(fails, false);
      t.true(passes === fails + 1 || between.some(({ passed, runs }) => passed > 0 && passed < runs));
      for (const { at } of between) t.true(at > fails && at < passes);
      for (const { at } of surprises) t.true(at < fails || at > passes);
      for (const tally of [...between, ...surprises]) t.deepEqual(tally, count(tally.at));
    } else if (answer.kind === 'never') t.false(trials.some(({ passed }) => passed));
    else if (answer.kind === 'always') {
      if (kind === 'zone') t.true(lo >= luck.from);
      each(lo, true);
    } else if (answer.kind === 'noisy') {
      if (kind === 'zone') t.true(most <= limit + 3 * spread || lo >= limit - 3 * spread || answer.between.length > 0);
      t.true(trials.some(({ passed }) => passed));
      if (answer.passes !== null) each(answer.passes, true);
      if (answer.fails !== null && answer.fails >= lo) each(answer.fails, false);
    } else {
      t.true(answer.passes.at < answer.fails.at);
      each(answer.passes.at, true);
      each(answer.fails.at, false);
      for (const tally of [answer.passes, answer.fails]) t.deepEqual(tally, count(tally.at));
      if (answer.from !== null) each(answer.from, true);
    }
  });
  holds(t, property, { numRuns: 2000, examples: wrongOnce });
});

test('a program that passes once and then always fails is noisy, not never', (t) => {
  let visits = 0;
  const { answer, trials } = find({ lo: 1, hi: 160, most: 200, confirm: 3, batch: 1 }, () => {
    visits += 1;
    return visits === 1;
  });
  t.true(trials[0]?.passed);
  t.like(answer, { kind: 'noisy', passes: null, fails: 149 });
  t.deepEqual(answer.kind === 'noisy' && answer.between[0], { at: 150, passed: 1, runs: 2 });
  t.is(trials.filter(({ at }) => at === 149).length, 4);
  t.true(trials.length < 24, `${trials.length} trials`);
});

test('a coin toss is noisy, not monotonic or has a wide zone, but never a certain limit', (t) => {
  let sure = 0;
  const rounds = 300;
  for (let seed = 0; seed < rounds; seed++) {
    const random = randomFrom(seed);
    const { answer } = find({ lo: 1, hi: 650, most: 2600, confirm: 5, batch: 1 }, () => random() < 0.5);
    if (answer.kind === 'found' && answer.surprises.length === 0 && answer.passes - answer.fails === 1) sure += 1;
  }
  t.true(sure < rounds / 100, `${sure} of ${rounds}`);
});
