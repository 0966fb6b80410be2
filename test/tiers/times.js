/** Loaded by ava into each test process: writes down how long its file took, for `npm run test:times`. */

import { appendFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const times = process.env.KMEM_RUN_TEST_TIMES;
if (times !== undefined) {
  const file = relative(process.cwd(), fileURLToPath(test.meta.file));
  process.once('exit', () => {
    appendFileSync(times, `${JSON.stringify([file, performance.now() / 1000])}\n`);
  });
}
