import { spreadOf } from '../statistics/spread.ts';
import { formatDuration } from '../text/figures.ts';
import type { Figures } from './figures.ts';

/** Fewer of a kind do not show what is usual. */
const FEWEST = 5;
/** Ten standard deviations, estimated by the median of the deviations from the median (hyperfine's rule as well). */
const FAR = 10 * 1.4826;
/** And by more than the clock and the scheduler cause in any run. */
const SHARE = 0.5;
const LEAST_MS = 20;
const SHOWN = 3;

type Timed = Pick<Figures, 'id' | 'passed' | 'wallMs'>;
export type TimedKind = Readonly<{ name: string; figures: readonly Timed[] }>;

/** One sentence about all outliers; none if nothing stands out. `kinds`: runs at one point each. */
export function outlierWarnings(kinds: readonly TimedKind[]): string[] {
  const found = kinds.flatMap(({ name, figures }) => outliersOf(figures).map((one) => ({ ...one, name })));
  if (found.length === 0) return [];
  const worst = found.toSorted((a, b) => b.share - a.share).slice(0, SHOWN);
  const list = worst.map(
    ({ name, id, wallMs, median }) =>
      `${id} (${name}) took ${formatDuration(wallMs)}, others ${formatDuration(median)}`,
  );
  const more = found.length > SHOWN ? `, and ${found.length - SHOWN} more` : '';
  return [`another program may have interfered: run ${list.join('; ')}${more}`];
}

type Outlier = Readonly<{ id: string; wallMs: number; median: number; share: number }>;

/** Passed and failed runs separately: an early failure is short. */
export function outliersOf(figures: readonly Timed[]): Outlier[] {
  return [true, false].flatMap((passed) => {
    const timed = figures.flatMap((one) =>
      one.passed === passed && one.wallMs !== null ? [{ id: one.id, wallMs: one.wallMs }] : [],
    );
    const median = spreadOf(timed.map(({ wallMs }) => wallMs))?.median ?? 0;
    const deviation = spreadOf(timed.map(({ wallMs }) => Math.abs(wallMs - median)))?.median ?? 0;
    const limit = Math.max(FAR * deviation, SHARE * median, LEAST_MS);
    if (timed.length < FEWEST) return [];
    return timed
      .filter(({ wallMs }) => Math.abs(wallMs - median) > limit)
      .map(({ id, wallMs }) => ({ id, wallMs, median, share: Math.abs(wallMs - median) / limit }));
  });
}
