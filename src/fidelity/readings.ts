/** What was measured of the rows, and what it comes to. */

export const MODES = ['native', 'gate'] as const;
export type Mode = (typeof MODES)[number];

/** One try, as the workload tells it. */
export type Try = Readonly<{
  /** Objects made before a call failed. */
  made: number;
  /** What the failing call said; 0: none failed. */
  errno: number;
  /** Kernel memory of the group in bytes, before the first object and with the last. */
  before: number;
  after: number;
}>;

/** One row in one mode under one limit. */
export type Reading = Readonly<{
  row: string;
  mode: Mode;
  /** Bytes. */
  limit: number;
  tries: readonly Try[];
  /** Why there are no tries, or not all; null: there are. */
  problem: string | null;
}>;

export type ErrnoCount = Readonly<{ errno: number; count: number }>;

/** The middle one of an odd number of tries, else the mean of the two in the middle. */
export function medianMade(tries: readonly Try[]): number {
  const counts = tries.map(({ made }) => made).sort((a, b) => a - b);
  const half = counts.length / 2;
  const [low = 0, high = 0] = [counts[Math.ceil(half) - 1], counts[Math.floor(half)]];
  return (low + high) / 2;
}

/** The most frequent first; tries that did not fail count as errno 0. */
export function countErrnos(tries: readonly Try[]): ErrnoCount[] {
  const counts = new Map<number, number>();
  for (const { errno } of tries) counts.set(errno, (counts.get(errno) ?? 0) + 1);
  return [...counts].map(([errno, count]) => ({ errno, count })).sort((a, b) => b.count - a.count);
}
