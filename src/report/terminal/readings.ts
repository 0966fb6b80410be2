/** What is known of a figure at each column of a picture: readings only, and nothing between them that is not. */

import type { Result } from '../../result/schema.ts';

export type Readings = readonly Pick<Result['samples'][number], 'atMs' | 'kmem'>[];

type Axis = Readonly<{
  /** Columns, and how long they are together. */
  room: number;
  wholeMs: number;
  /** Time between readings as it was asked for; null: not known. */
  usualMs: number | null;
}>;

/** A reading holds until the next one was due: later it is not known any more. */
const PATIENCE = 1.5;

/**
 * The highest reading in each column, else the sample before it; null: a gap. `others`: read out of turn, of which
 * nothing is known but the moment itself.
 */
export function heldReadings(samples: Readings, others: Readings, { room, wholeMs, usualMs }: Axis): (number | null)[] {
  const columnMs = wholeMs / room;
  const holdsMs = PATIENCE * Math.max(medianGap(samples) ?? usualMs ?? columnMs, columnMs);
  const columnOf = (atMs: number) => Math.max(0, Math.min(room - 1, Math.floor(atMs / columnMs)));
  const own = Map.groupBy(samples, ({ atMs }) => columnOf(atMs));
  const beside = Map.groupBy(others, ({ atMs }) => columnOf(atMs));
  let before: Readings[number] | null = null;
  return Array.from({ length: room }, (_, column) => {
    const here = own.get(column);
    const isHeld = here === undefined && before !== null && column * columnMs - before.atMs <= holdsMs;
    const held = isHeld && before !== null ? [before] : [];
    before = here?.at(-1) ?? before;
    return highest([...(here ?? held), ...(beside.get(column) ?? [])]);
  });
}

/** Null: there is none that could be read. */
export function highest(readings: Readings): number | null {
  return readings.reduce<number | null>((most, { kmem }) => (kmem === null ? most : Math.max(most ?? 0, kmem)), null);
}

function medianGap(samples: Readings): number | null {
  const gaps = samples.slice(1).map(({ atMs }, index) => atMs - (samples[index]?.atMs ?? atMs));
  const sorted = gaps.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? null;
}
