/** The settings that a sweep tries: the cross product of all requested values. */

import { SetupError } from '../../errors.ts';
import { groupDigits } from '../../request/size.ts';
import { counted } from '../../text/figures.ts';

/** In the order of the table's columns. */
export const AXES = ['kernel', 'kmem', 'mem', 'kmemTcp', 'pids'] as const;
export type AxisKey = (typeof AXES)[number];

/** Values by the keys of a run's input: bytes, a count, or a kernel's name (null: the host's own kernel). */
export type Axes = Readonly<{ [K in AxisKey]?: readonly (K extends 'kernel' ? string | null : number)[] }>;
export type Point = Readonly<{ [K in AxisKey]?: K extends 'kernel' ? string | null : number }>;

const MOST_RUNS = 1_000_000;

/** The last axis changes fastest. One point without any setting if there is no axis. */
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

/** @throws SetupError `too-many-runs`: nobody waits for these, and each is kept. */
export function checkSize(axes: Axes, repeat: number): void {
  const points = AXES.reduce((product, key) => product * (axes[key]?.length ?? 1), 1);
  if (points * repeat <= MOST_RUNS) return;
  throw new SetupError(
    'too-many-runs',
    `too many runs: ${counted(points, 'point')}, ${counted(repeat, 'time')} each (at most ${groupDigits(MOST_RUNS)} runs)`,
    'use larger steps or fewer repeats',
  );
}

/** The setting that lets the program run furthest: every limit at its highest, on the host if it takes part. */
export function loosest(axes: Axes): Point {
  const entries = AXES.flatMap((key) => {
    const values: readonly (string | number | null)[] | undefined = axes[key];
    if (values === undefined) return [];
    return [[key, key === 'kernel' ? (values.includes(null) ? null : values[0]) : values.at(-1)] as const];
  });
  return Object.fromEntries(entries);
}

/** Numbers that repeat for the same seed: Node's own generator cannot be seeded. */

/** Seeds are whole numbers below this. */
export const SEEDS = 2 ** 32;

export function newSeed(): number {
  return Math.floor(Math.random() * SEEDS);
}

/** Numbers from 0 to below 1: Tommy Ettinger's mulberry32, good enough for shuffling. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / SEEDS;
  };
}

/** The same items in another order (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], random: () => number): T[] {
  const order = [...items];
  for (let left = order.length; left > 1; left--) {
    const chosen = Math.floor(random() * left);
    [order[left - 1], order[chosen]] = [order[chosen] as T, order[left - 1] as T];
  }
  return order;
}
