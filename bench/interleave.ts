import type { Series } from './statistics.ts';

/** One way to do what is measured. `measure` returns one figure, or null if this round produced none. */
export type Variant = Readonly<{ name: string; measure: () => number | null | Promise<number | null> }>;

export type Measured<Name extends string = string> = Readonly<Record<Name, Series>>;

/** A B A B …, after one discarded round: caches warm up, and a change in the machine's load affects all alike. */
export async function interleave<Name extends string>(
  variants: readonly (Variant & Readonly<{ name: Name }>)[],
  rounds: number,
): Promise<Measured<Name>> {
  const series = {} as Record<Name, (number | null)[]>;
  for (const { name } of variants) series[name] = [];
  for (let round = -1; round < rounds; round += 1) {
    for (const { name, measure } of variants) {
      const figure = await measure();
      if (round >= 0) series[name].push(figure);
    }
  }
  return series;
}
