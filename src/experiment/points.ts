/** The settings that a sweep tries: the cross product of all values that were asked for. */

import { SetupError } from '../errors.ts';
import { groupDigits } from '../spec/size.ts';

/** In the order of the table's columns. */
export const AXES = ['kernel', 'kmem', 'mem', 'kmemTcp', 'pids'] as const;
export type AxisKey = (typeof AXES)[number];

/** Values by the keys of a run's input: bytes, a count, or a kernel's name (null: the host's own kernel). */
export type Axes = Readonly<{ [K in AxisKey]?: readonly (K extends 'kernel' ? string | null : number)[] }>;
export type Point = Readonly<{ [K in AxisKey]?: K extends 'kernel' ? string | null : number }>;

const MOST_RUNS = 1_000_000;

/** The last axis changes fastest. One point without any setting where there is no axis. */
export function crossProduct(axes: Axes): Point[] {
  return AXES.reduce<Point[]>(
    (points, key) => {
      const values = axes[key];
      return values === undefined
        ? points
        : points.flatMap((point) => values.map((value) => ({ ...point, [key]: value })));
    },
    [{}],
  );
}

/** Throws SetupError `too-many-runs`: nobody waits for these, and each is kept. */
export function checkSize(axes: Axes, repeat: number): void {
  const points = AXES.reduce((product, key) => product * (axes[key]?.length ?? 1), 1);
  if (points * repeat <= MOST_RUNS) return;
  throw new SetupError(
    'too-many-runs',
    `${groupDigits(points)} points, ${groupDigits(repeat)} times each, are more than ${groupDigits(MOST_RUNS)} runs`,
    'take larger steps, or repeat less',
  );
}

/** The setting under which most of the program gets to run: every limit at its highest, on the host if it takes part. */
export function loosest(axes: Axes): Point {
  const entries = AXES.flatMap((key) => {
    const values: readonly (string | number | null)[] | undefined = axes[key];
    if (values === undefined) return [];
    return [[key, key === 'kernel' ? (values.includes(null) ? null : values[0]) : values.at(-1)] as const];
  });
  return Object.fromEntries(entries);
}
