/** Loaded by ava into each test process: records the time that its file took, for `npm run test:times`. */

import { appendFileSync, readFileSync } from 'node:fs';
import { relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import test from 'ava';

const times = process.env.KMEM_RUN_TEST_TIMES;
if (times !== undefined) {
  const file = relative(process.cwd(), fileURLToPath(test.meta.file));
  process.once('exit', () => {
    appendFileSync(times, `${JSON.stringify([file, performance.now() / 1000, cpuSeconds()])}\n`);
  });
}

/** Of this process and of all that it has waited for; Linux counts hundredths of a second here. */
function cpuSeconds() {
  const stat = readFileSync('/proc/self/stat', 'latin1');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // utime, stime, cutime, cstime: see proc_pid_stat(5).
  return fields.slice(11, 15).reduce((sum, ticks) => sum + Number(ticks) / 100, 0);
}
