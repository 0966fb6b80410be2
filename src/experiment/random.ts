/** Numbers that come again from the same seed: Node's own generator cannot be seeded. */

/** Seeds are whole numbers below this. */
export const SEEDS = 2 ** 32;

export function newSeed(): number {
  return Math.floor(Math.random() * SEEDS);
}

/** Numbers from 0 up to and without 1: Tommy Ettinger's mulberry32, good enough to put things in order. */
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
