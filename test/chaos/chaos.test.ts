/** Runs that are killed, stopped and interrupted at any moment: the short form; in a soak for as long as it may take. */

import { join } from 'node:path';
import anyTest from 'ava';
import { execa } from 'execa';
import { canActAsOthers, needs, slowness, soak } from '../needs.ts';

const test = anyTest.serial;

const RUNS = 200;
/** Of a soak. */
const SHARE = 0.25;
/** The same draws come again with the same seed. */
const SEED = process.env.KMEM_RUN_TEST_SEED ?? '15';
const SECONDS_A_RUN = 10;

test('runs that are disturbed at any moment leave nothing, harm nobody, and lose no result', async (t) => {
  if (!needs(t, canActAsOthers, 'root')) return;
  t.timeout(RUNS * SECONDS_A_RUN * 1000 * slowness + soak.budgetMs);
  const minutes = `${Math.ceil((SHARE * soak.budgetMs) / 60_000)}`;
  const args = ['--seed', SEED, ...(soak.isOn ? ['--minutes', minutes] : ['--runs', `${RUNS}`])];
  const main = join(import.meta.dirname, 'main.ts');
  const { exitCode, stdout } = await execa(process.execPath, [main, ...args], { reject: false, stderr: 'inherit' });
  t.log(stdout);
  t.is(exitCode, 0, stdout);
});
