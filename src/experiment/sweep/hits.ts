/** Limits other than kernel memory, whose columns are shown only if one was hit. */

import type { Hits } from '../figures.ts';
import type { SweepPoint } from './report.ts';

export type HitColumn = Readonly<{ key: keyof Hits; title: string }>;

const COLUMNS: readonly HitColumn[] = [
  { key: 'oomKills', title: 'OOM kills' },
  { key: 'pids', title: 'pids failcnt' },
  { key: 'kmemTcp', title: 'TCP failcnt' },
];

export function hitColumns(points: readonly SweepPoint[]): readonly HitColumn[] {
  return COLUMNS.filter(({ key }) => points.some((point) => isHit(point, key)));
}

/** `OOM kills at 2 points`, for each limit that was hit. */
export function hitTexts(points: readonly SweepPoint[], say: (count: number) => string): string[] {
  return hitColumns(points).map(
    ({ key, title }) => `${title} at ${say(points.filter((each) => isHit(each, key)).length)}`,
  );
}

// A report of an earlier version has no hits.
function isHit({ hits }: SweepPoint, key: keyof Hits): boolean {
  return (hits?.[key]?.max ?? 0) > 0;
}
