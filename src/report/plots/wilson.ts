/** How sure a share of few runs is. */

export type Interval = Readonly<{ low: number; high: number }>;

/** Of the standard normal distribution: 95 %. */
const Z = 1.959963984540054;

/** Wilson's score interval: right for few runs too, and for 0 of n, where the usual one says nothing. Null of no runs. */
export function wilson(passed: number, runs: number): Interval | null {
  if (runs === 0) return null;
  const share = passed / runs;
  const shrink = 1 + Z ** 2 / runs;
  const centre = (share + Z ** 2 / (2 * runs)) / shrink;
  const reach = (Z * Math.sqrt((share * (1 - share)) / runs + Z ** 2 / (4 * runs ** 2))) / shrink;
  // At the ends the interval holds them: 0 and 1, but for what rounding adds.
  return { low: passed === 0 ? 0 : centre - reach, high: passed === runs ? 1 : centre + reach };
}
