/**
 * Calls that charge as much as their arguments request: denied if there is no room for that, allowed if they request
 * little.
 */

import anyTest from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { needs } from '../needs.ts';

const test = anyTest.serial;

const GIB = 1 << 30;
const NO_MEMORY = 'Cannot allocate memory';

/** `size` charges 1 MB or more, `small` a few pages. `privileged`: as root only. */
const calls: readonly Readonly<{ name: string; size: number; small: number; privileged?: true }>[] = [
  { name: 'semget', size: 32_000, small: 100 },
  { name: 'bpf', size: 2000, small: 2, privileged: true },
  { name: 'mmap', size: GIB, small: 65_536 },
  { name: 'madvise', size: GIB, small: 65_536 },
  { name: 'mlock', size: GIB, small: 65_536, privileged: true },
  { name: 'mlockall', size: GIB, small: 65_536, privileged: true },
  { name: 'fcntl', size: 1 << 20, small: 8192, privileged: true },
  { name: 'fsetxattr', size: 65_000, small: 100, privileged: true },
];

for (const { name, size, small, privileged } of calls) {
  test(`${name} is denied if there is no room for the size in its arguments`, async (t) => {
    if (privileged && !needs(t, process.geteuid?.() === 0, 'root')) return;
    const harness = makeHarness(t);
    const program = compileFixture('sizes');
    const large = await harness.run(['--kmem', '1M', '--', program, name, String(size)]);
    t.is(large.stdout, `${NO_MEMORY}\n`, large.stderr);
    t.deepEqual(
      large.result?.failureCounts.map(({ syscall, count }) => ({ syscall, count })),
      [{ syscall: name, count: 1 }],
    );
    t.is(large.result?.kmem.overshoot, 0);
    const little = await harness.run(['--kmem', '1M', '--', program, name, String(small)]);
    t.is(little.stdout, 'ok\n', little.stderr);
    t.is(little.result?.kmem.failcnt, 0);
    harness.assertNothingLeft();
  });
}

test('a call is denied only if there is less room than its size takes', async (t) => {
  const harness = makeHarness(t);
  const program = compileFixture('sizes');
  const run = async (limit: string) => await harness.run(['--kmem', limit, '--', program, 'semget', '32000']);
  const peaks: number[] = [];
  for (let count = 0; count < 3; count += 1) peaks.push((await run('16M')).result?.kmem.maxUsage ?? 0);
  // In addition to the peak: the reserve, and the page that such a call needs for everything else.
  const enough = String(Math.max(...peaks) + 16_384 + 8192);
  for (let tries = 1; ; tries += 1) {
    const { stdout, result } = await run(enough);
    if (stdout === 'ok\n') break;
    // This start needed more than those and left too little room.
    const denial = result?.failures[0]?.denial;
    t.is(stdout, `${NO_MEMORY}\n`);
    t.true(tries < 5 && denial != null && denial.room - denial.reserve < denial.need, JSON.stringify(result?.failures));
    if (tries === 5) break;
  }
  // The memory needed to start varies by a few pages: without the reserve, and below the lowest peak.
  t.is((await run(String(Math.min(...peaks) - 16_384))).stdout, `${NO_MEMORY}\n`);
  harness.assertNothingLeft();
});
