import type { Series } from './statistics.ts';

/** One way to do the thing that is measured. `measure` gives one figure, or null where there was none this time. */
export type Variant = Readonly<{ name: string; measure: () => number | null | Promise<number | null> }>;

export type Measured<Name extends string = string> = Readonly<Record<Name, Series>>;

/** A B A B …, after one round that is thrown away: caches warm up, and a change of the machine's load hits all alike. */
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
