import test from 'ava';
import fc from 'fast-check';
import { newSeed, randomFrom, SEEDS, shuffled } from '../../../src/experiment/sweep/points.ts';

const seeds = fc.integer({ min: 0, max: SEEDS - 1 });

test('the generator is mulberry32', (t) => {
  t.is(randomFrom(1)(), 0.6270739405881613);
  t.is(randomFrom(0)(), 0.26642920868471265);
});

test('numbers are in [0, 1) and repeat for the same seed', (t) => {
  const property = fc.property(seeds, (seed) => {
    const [first, again] = [randomFrom(seed), randomFrom(seed)];
    for (let count = 0; count < 100; count++) {
      const number = first();
      t.true(number >= 0 && number < 1);
      t.is(again(), number);
    }
  });
  fc.assert(property);
});

test('a shuffle is a permutation, the same for the same seed', (t) => {
  const property = fc.property(fc.array(fc.nat()), seeds, (items, seed) => {
    const before = [...items];
    const order = shuffled(items, randomFrom(seed));
    t.deepEqual(
      order.toSorted((a, b) => a - b),
      items.toSorted((a, b) => a - b),
    );
    t.deepEqual(shuffled(items, randomFrom(seed)), order);
    t.deepEqual(items, before);
  });
  fc.assert(property);
});

test('all orders of four items are about equally likely', (t) => {
  const counts = new Map<string, number>();
  const random = randomFrom(42);
  for (let round = 0; round < 24_000; round++) {
    const order = shuffled([1, 2, 3, 4], random).join('');
    counts.set(order, (counts.get(order) ?? 0) + 1);
  }
  t.is(counts.size, 24);
  for (const count of counts.values()) t.true(count > 800 && count < 1200, String(count));
});

test('a new seed is a valid seed', (t) => {
  for (let count = 0; count < 100; count++) {
    const seed = newSeed();
    t.true(Number.isInteger(seed) && seed >= 0 && seed < SEEDS);
  }
});
