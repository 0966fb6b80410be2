/** Seeded choices: one seed and one number give the same choices each time. */

import { uniformInt } from 'pure-rand/distribution/uniformInt';
import { mersenne } from 'pure-rand/generator/mersenne';

export type Draw = Readonly<{
  /** From 0 up to, but excluding, `count`. */
  below: (count: number) => number;
  pick: <Item>(items: readonly Item[]) => Item;
  /** By the items' weights. */
  weighted: <Item extends Readonly<{ weight: number }>>(items: readonly Item[]) => Item;
  shuffle: <Item>(items: readonly Item[]) => readonly Item[];
}>;

export function createDraw(seed: number, number: number): Draw {
  const generator = mersenne(Math.imul(seed, 0x9e3779b1) ^ Math.imul(number + 1, 0x85ebca6b));
  const below = (count: number): number => uniformInt(generator, 0, count - 1);
  const pick = <Item>(items: readonly Item[]): Item => items[below(items.length)] as Item;
  return {
    below,
    pick,
    // Each item, repeated by weight.
    weighted: (items) => pick(items.flatMap((item) => Array.from({ length: item.weight }, () => item))),
    shuffle: (items) => {
      const rest = [...items];
      return items.map(() => rest.splice(below(rest.length), 1)[0] as (typeof items)[number]);
    },
  };
}
