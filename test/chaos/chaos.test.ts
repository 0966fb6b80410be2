/** The short form of `npm run test:chaos`; in a soak it runs for as long as allowed. */

import { join } from 'node:path';
import anyTest, { type ExecutionContext } from 'ava';
import { execa } from 'execa';
import { canActAsOthers, needs, slowness, soak } from '../needs.ts';
import { ERROR_INJECTION, needsKernel } from '../vm/needs-kernel.ts';
import { runInside } from '../vm/v2-guest.ts';

const test = anyTest.serial;

const RUNS = 200;
/** Each test's share of a soak. */
const SHARE = 0.15;
/** The same seed repeats the same draws. */
const SEED = process.env.KMEM_RUN_TEST_SEED ?? '15';
const LONGEST_MS = 30 * 60_000;

async function makeAll(t: ExecutionContext, options: readonly string[]): Promise<void> {
  if (!needs(t, canActAsOthers, 'root')) return;
  t.timeout(LONGEST_MS * slowness + soak.budgetMs);
  const args = [join(import.meta.dirname, 'main.ts'), '--seed', SEED, ...options];
  const { exitCode, stdout } = await execa(process.execPath, args, { reject: false, stderr: 'inherit' });
  t.log(stdout.split('\n').at(-1));
  t.is(exitCode, 0, stdout);
}

/** In a soak, as many as time allows. */
function unlessSoak(...options: readonly string[]): readonly string[] {
  return soak.isOn ? ['--minutes', `${Math.ceil((SHARE * soak.budgetMs) / 60_000)}`] : options;
}

test('runs disturbed at any moment leave nothing behind, harm nobody and lose no result', async (t) => {
  await makeAll(t, unlessSoak('--runs', `${RUNS}`));
});

test('damaged inputs are processed, or rejected with a reason and a hint', async (t) => {
  await makeAll(t, ['--inputs', ...unlessSoak()]);
});

/** In a guest, whose programs take longer. */
const SLOWNESS = 4;

/** Seconds for a run there, and how many runs a soak makes in each guest: its share, but no fewer and no more. */
const SECONDS_IN_GUEST = 4;
const FEWEST_IN_GUEST = 10;
const MOST_IN_GUEST = 500;

if (soak.isOn)
  for (const [granularity, kernel, cgroup] of [
    ['allocation', ERROR_INJECTION, 'v1'],
    ['object', '6.1', 'v1'],
    // Debian's 6.12 has no memory controller on v1.
    ['object', '6.12', 'v2'],
  ] as const)
    test(`under programs that refuse, by ${granularity}, on ${kernel}`, async (t) => {
      t.timeout(2 * LONGEST_MS * SLOWNESS);
      if (!(await needsKernel(t, kernel))) return;
      const inTime = Math.floor((SHARE * soak.budgetMs) / 1000 / SECONDS_IN_GUEST);
      const runs = Math.min(Math.max(FEWEST_IN_GUEST, inTime), MOST_IN_GUEST);
      const chaos = `node test/chaos/main.ts --enforce kernel --seed ${SEED} --runs ${runs} --jobs 2`;
      const script = `${chaos} || exit; dmesg | grep -E 'WARNING|BUG|Oops|Call Trace' && exit 3; true`;
      const { code, stdout, stderr } = await runInside(t, { kernel, cgroup, script, slowness: SLOWNESS });
      t.log(stdout.split('\n').at(-2));
      t.is(code, 0, stdout + stderr);
    });
