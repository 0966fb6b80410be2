import test from 'ava';
import { findSmallest } from '../../../src/experiment/fidelity/command.ts';

const PAGE = 4096;
function edgeAt(edge: number) {
  return async (limit: number) => limit >= edge;
}

test('the smallest passing limit is found to the page, whatever the guess', async (t) => {
  for (const pages of [1, 2, 17, 500, 999, 1000]) {
    for (const guess of [1, 600, 1000]) {
      const question = { page: PAGE, guess: guess * PAGE, most: 1000 * PAGE };
      const { limit, trials } = await findSmallest(question, edgeAt(pages * PAGE));
      t.is(limit, pages * PAGE, `${pages} pages, guess ${guess}`);
      t.true(trials.length <= 45);
      t.true(trials.every(({ limit: at }) => at % PAGE === 0 && at >= PAGE && at <= 1000 * PAGE));
    }
  }
});

test('limits far below that pass by chance do not count', async (t) => {
  const question = { page: PAGE, guess: 720 * PAGE, most: 2880 * PAGE };
  for (const edge of [670, 685, 699]) {
    const passes = async (limit: number) => limit >= edge * PAGE || (limit / PAGE) % 100 < 40;
    const { limit } = await findSmallest(question, passes);
    t.is(limit, edge * PAGE);
  }
});

test('no limit if none passes', async (t) => {
  const { limit, trials } = await findSmallest({ page: PAGE, guess: 10 * PAGE, most: 40 * PAGE }, async () => false);
  t.is(limit, null);
  t.is(trials.at(-1)?.limit, 40 * PAGE);
});
