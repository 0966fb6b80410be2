/** Medians with quartiles: on a shared machine a mean reflects the other loads. */

export type Summary = Readonly<{ median: number; low: number; high: number }>;

/** Median and quartiles, or null for an empty list. */
export function summarise(values: readonly number[]): Summary | null {
  if (values.length === 0) return null;
  const sorted = values.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

function quantile(sorted: readonly number[], share: number): number {
  const at = (sorted.length - 1) * share;
  const below = sorted[Math.floor(at)] ?? Number.NaN;
  const above = sorted[Math.ceil(at)] ?? Number.NaN;
  return below + (above - below) * (at - Math.floor(at));
}

/** One value per round; null if that round gave none. */
export type Series = readonly (number | null)[];

/** Round by round, since what both had in common (machine-wide drift) cancels out in each pair. */
export function combine(first: Series, second: Series, how: (a: number, b: number) => number): number[] {
  return first.flatMap((a, round) => {
    const b = second[round] ?? null;
    return a === null || b === null ? [] : [how(a, b)];
  });
}

export function ratio(a: number, b: number): number {
  return a / b;
}

export function difference(a: number, b: number): number {
  return a - b;
}

export function known(series: Series): number[] {
  return series.filter((value) => value !== null);
}
