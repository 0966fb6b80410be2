import test from 'ava';
import fc from 'fast-check';
import { chanceOfRanks, judge, spreadOf } from '../../src/statistics/spread.ts';

const few = fc.array(fc.integer({ min: 0, max: 6 }), { minLength: 1, maxLength: 6 });

test('min, median and max', (t) => {
  t.is(spreadOf([]), null);
  t.deepEqual(spreadOf([7]), { runs: 1, min: 7, median: 7, max: 7 });
  t.deepEqual(spreadOf([10, 9, 2]), { runs: 3, min: 2, median: 9, max: 10 });
  t.deepEqual(spreadOf([4, 1, 3, 2]), { runs: 4, min: 1, median: 2.5, max: 4 });
});

/** The share of all ways to deal out the values in which the rank sum is as far off, by trying them all. */
function byTryingAll(a: readonly number[], b: readonly number[]): number {
  const all = [...a, ...b];
  const rank = (value: number) =>
    all.filter((other) => other < value).length + (all.filter((other) => other === value).length + 1) / 2;
  const expected = (a.length * (all.length + 1)) / 2;
  const off = (chosen: readonly number[]) =>
    Math.abs(chosen.map((index) => rank(all[index] ?? 0)).reduce((sum, own) => sum + own, 0) - expected);
  const found = off(a.map((_, index) => index));
  const subsets = Array.from({ length: 2 ** all.length }, (_, mask) =>
    all.map((_, i) => i).filter((i) => mask & (1 << i)),
  );
  const dealt = subsets.filter((chosen) => chosen.length === a.length);
  return dealt.filter((chosen) => off(chosen) >= found - 1e-9).length / dealt.length;
}

test('the rank probability equals that of exhaustive enumeration', (t) => {
  fc.assert(
    fc.property(few, few, (a, b) => Math.abs(chanceOfRanks(a, b) - byTryingAll(a, b)) < 1e-9),
    { numRuns: 60 },
  );
  t.is(chanceOfRanks([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]), 2 / 252);
});

test('the approximation for large sets is close to the exact value', (t) => {
  const numbers = (count: number, first: number) =>
    Array.from({ length: count }, (_, index) => first + ((index * 37) % 101));
  // One more value switches to the approximation.
  const exact = chanceOfRanks(numbers(30, 0), numbers(30, 17));
  const near = chanceOfRanks(numbers(30, 0), numbers(31, 17));
  t.true(Math.abs(exact - near) < 0.02, `${exact} ${near}`);
  t.true(chanceOfRanks(numbers(2000, 0), numbers(2000, 20)) < 1e-6);
});

test('the order of the sets and of their values does not matter', (t) => {
  const same = fc.property(few, few, (a, b) => judge(a, b) === judge(b, a) && judge(a.toReversed(), b) === judge(a, b));
  t.notThrows(() => fc.assert(same));
});

test('a set is never different from itself', (t) => {
  fc.assert(fc.property(few, (a) => ['same', 'within-spread'].includes(judge(a, a))));
  t.is(judge([5, 5, 5], [5]), 'same');
  t.is(judge([], []), 'same');
});

test('one run each is inconclusive', (t) => {
  t.is(judge([1], [2]), 'cannot-tell');
  t.is(judge([1], [1_000_000]), 'cannot-tell');
  t.is(judge([1, 2], [3]), 'cannot-tell');
  t.is(judge([1, 2], [3, 4]), 'cannot-tell');
  t.is(judge([1, 3], [2]), 'within-spread');
  t.is(judge([], [1]), 'cannot-tell');
});

test('values further apart than their spread differ with three runs, others with five', (t) => {
  t.is(judge([100, 101, 102], [200, 201, 202]), 'different');
  t.is(judge([7, 7, 7], [8, 8, 8]), 'different');
  t.is(judge([100, 150, 200], [210, 260, 310]), 'cannot-tell');
  t.is(judge([100, 150, 200, 190, 180], [210, 260, 310, 300, 290]), 'different');
});

test('one stray value among many does not hide a difference', (t) => {
  const low = Array.from({ length: 20 }, (_, index) => 100 + index);
  const high = Array.from({ length: 20 }, (_, index) => 200 + index);
  t.is(judge([...low, 500], [...high, 0]), 'different');
});

/** Numbers between 0 and 1, the same each time. */
function* random(): Generator<number> {
  for (let state = 12_345; ; ) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield state / 2 ** 32;
  }
}

test('noise is seldom called a difference', (t) => {
  const numbers = random();
  const next = () => numbers.next().value as number;
  const kinds: Record<string, () => number> = {
    even: next,
    exponential: () => -Math.log(1 - next()),
    pages: () => Math.floor(next() * 3),
  };
  for (const [kind, draw] of Object.entries(kinds)) {
    for (const runs of [1, 2, 3, 5, 8, 40]) {
      const set = () => Array.from({ length: runs }, draw);
      const tries = runs > 8 ? 200 : 2000;
      const wrong = Array.from({ length: tries }, () => judge(set(), set())).filter(
        (verdict) => verdict === 'different',
      );
      t.true(wrong.length <= 0.025 * tries, `${kind}, ${runs} runs: ${wrong.length} of ${tries}`);
    }
  }
});
