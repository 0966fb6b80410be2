/** The values of a figure in several runs, and whether two such sets differ by more than chance. */

export type Spread = Readonly<{ runs: number; min: number; median: number; max: number }>;

export type Verdict = 'same' | 'within-spread' | 'different' | 'cannot-tell';

/** Null of none. */
export function spreadOf(values: readonly number[]): Spread | null {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (index: number) => sorted[index] ?? Number.NaN;
  const last = sorted.length - 1;
  if (last < 0) return null;
  const median = (at(Math.floor(last / 2)) + at(Math.ceil(last / 2))) / 2;
  return { runs: sorted.length, min: at(0), median, max: at(last) };
}

/**
 * This many runs on each side always suffice to distinguish two sets that do not overlap: chance alone causes that less
 * than once in a hundred times.
 */
export const ENOUGH_RUNS = 5;
const CHANCE = 0.01;
const FEWEST = 3;

/**
 * `different` where chance alone would bring that about less than once in a hundred times, by either of two rules:
 * - the ranks of the values (Wilcoxon's rank-sum test, exact, with ties); it needs five runs on each side, or so;
 * - three or more on each side, and the sets further apart than the wider of them is wide. By simulation that comes
 *   about by chance in 0.8 to 1.3 % of cases, whether values are spread evenly, normally or exponentially.
 * `cannot-tell` where the sets have nothing in common but are too few for either rule.
 */
export function judge(a: readonly number[], b: readonly number[]): Verdict {
  const [first, second] = [spreadOf(a), spreadOf(b)];
  if (first === null || second === null) return first === second ? 'same' : 'cannot-tell';
  if (first.min === second.max && first.max === second.min) return 'same';
  const gap = Math.max(second.min - first.max, first.min - second.max);
  const width = Math.max(first.max - first.min, second.max - second.min);
  const fewest = Math.min(first.runs, second.runs);
  if (fewest >= FEWEST && gap > width) return 'different';
  if (chanceOfRanks(a, b) < CHANCE) return 'different';
  return gap > 0 ? 'cannot-tell' : 'within-spread';
}

const MOST_EXACT = 60;

/**
 * Probability that two sets drawn from one distribution have rank sums at least as far from the expected one as these
 * (two-sided). Exact up to 60 values; above that, the normal approximation.
 */
export function chanceOfRanks(a: readonly number[], b: readonly number[]): number {
  const ranks = doubledRanks([...a, ...b]);
  const own = sum(ranks.slice(0, a.length));
  const all = ranks.length;
  const expected = a.length * (all + 1);
  const distance = Math.abs(own - expected);
  if (all > MOST_EXACT) {
    const squares = sum(ranks.map((rank) => (rank - (all + 1)) ** 2));
    const variance = (a.length * b.length * squares) / (all * (all - 1));
    return 2 * upperTail(Math.max(0, distance - 1) / Math.sqrt(variance));
  }
  const ways = waysToSum(ranks, a.length);
  const far = ways.filter((_, total) => Math.abs(total - expected) >= distance);
  return sum(far) / sum(ways);
}

/** Twice the rank of each value, since ties share their middle rank. */
function doubledRanks(values: readonly number[]): number[] {
  const ranks = new Map<number, number>();
  let below = 0;
  for (const [value, { length }] of Map.groupBy(
    values.toSorted((a, b) => a - b),
    (value) => value,
  )) {
    ranks.set(value, 2 * below + length + 1);
    below += length;
  }
  return values.map((value) => ranks.get(value) ?? Number.NaN);
}

/** At index S: the number of ways `size` of the ranks add up to S. */
function waysToSum(ranks: readonly number[], size: number): number[] {
  const most = sum(ranks);
  const ways = Array.from({ length: size + 1 }, () => new Array<number>(most + 1).fill(0));
  (ways[0] as number[])[0] = 1;
  for (const rank of ranks) {
    for (let chosen = size; chosen > 0; chosen--) {
      const [from, to] = [ways[chosen - 1] as number[], ways[chosen] as number[]];
      for (let total = most; total >= rank; total--) to[total] = (to[total] ?? 0) + (from[total - rank] ?? 0);
    }
  }
  return ways[size] as number[];
}

/** Tail of the standard normal distribution; Abramowitz and Stegun 26.2.17, to 8 decimals. */
function upperTail(z: number): number {
  const t = 1 / (1 + 0.2316419 * z);
  const polynomial = t * (0.31938153 + t * (-0.356563782 + t * (1.781477937 + t * (-1.821255978 + t * 1.330274429))));
  return (Math.exp((-z * z) / 2) / Math.sqrt(2 * Math.PI)) * polynomial;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** How certain a share of few runs is. */

export type Interval = Readonly<{ low: number; high: number }>;

/** Standard normal quantile: 95 %. */
const Z = 1.959963984540054;

/**
 * Wilson's score interval: right for few runs too, and for 0 of n, where the usual interval says nothing. Null for no
 * runs.
 */
export function wilson(passed: number, runs: number): Interval | null {
  if (runs === 0) return null;
  const share = passed / runs;
  const shrink = 1 + Z ** 2 / runs;
  const centre = (share + Z ** 2 / (2 * runs)) / shrink;
  const reach = (Z * Math.sqrt((share * (1 - share)) / runs + Z ** 2 / (4 * runs ** 2))) / shrink;
  // At the extremes the bound is 0 or 1, but for rounding errors.
  return { low: passed === 0 ? 0 : centre - reach, high: passed === runs ? 1 : centre + reach };
}
