/**
 * Many at once, repeatedly: nothing hangs, nothing is left behind, and failing programs take nothing from the others.
 */

import anyTest from 'ava';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';
import { lenient, slowness, soak } from '../needs.ts';

const test = anyTest.serial;

/** A soak makes as many as fit in a third of its time. */
const RUNS = 40;
const LIMITS = ['600K', '700K', '1M', '1500K'];

test('threads and children that allocate at once survive repeated runs', async (t) => {
  t.timeout(slowness * 5 * 60_000 + soak.budgetMs);
  const until = performance.now() + soak.budgetMs / 3;
  const harness = makeHarness(t);
  const burst = compileFixture('burst');
  const denials: number[] = [];
  const overshoots: number[] = [];
  for (let run = 0; run < RUNS || performance.now() < until; run += 1) {
    const limit = LIMITS[run % LIMITS.length] ?? '';
    const { status, stderr, result } = await harness.run(['--kmem', limit, '--timeout', lenient(20), '--', burst]);
    const { kmem, enforcement, failureCounts = [] } = result ?? {};
    const told = failureCounts.reduce((sum, { count }) => sum + count, 0);
    // One assertion for all conditions, so that many runs do not make ten times as many assertions.
    t.deepEqual(
      { status, outcome: result?.outcome, ended: result?.terminationReason, left: harness.whatIsLeft(), told },
      { status: 0, outcome: 'passed', ended: null, left: [], told: kmem?.failcnt ?? null },
      `run ${run}, ${limit}: ${stderr}`,
    );
    t.true((kmem?.failcnt ?? 0) > 0 && (enforcement?.gatedCalls ?? 0) > (kmem?.failcnt ?? 0), `run ${run}, ${limit}`);
    denials.push(kmem?.failcnt ?? 0);
    overshoots.push(kmem?.overshoot ?? 0);
  }
  t.log(
    `${denials.length} runs, denials ${Math.min(...denials)} to ${Math.max(...denials)}, overshoot up to ${Math.max(...overshoots)} bytes`,
  );
  harness.assertNothingLeft();
});

for (const [where, options] of Object.entries({ 'all CPUs': [], 'one CPU': ['--cpus', '0'] })) {
  test(`four storms of denials do not affect a neighbouring process (${where})`, async (t) => {
    const harness = makeHarness(t);
    const neighbour = [compileFixture('neighbour'), '4'];
    const { status, stdout, result } = await harness.run(['--kmem', '4M', ...options, '--', ...neighbour]);
    t.is(status, 0);
    t.log(stdout.trim());
    // munmap and brk and dup2, which are gated, and read with getppid: none of them failed.
    t.regex(stdout, /^1000 1000 1000 1000 in /);
    const failed = Number(/failed (\d+)$/m.exec(stdout)?.[1]);
    t.true(failed > 400);
    t.true((result?.kmem.failcnt ?? 0) >= failed);
    t.is(
      result?.failures.find(({ syscall }) => ['munmap', 'brk', 'dup2'].includes(syscall ?? '')),
      undefined,
    );
    harness.assertNothingLeft();
  });
}

for (const [mode, interval, ...rest] of [
  ['plain', '100', '2000', '4'],
  ['nested', '50', '1000', '2'],
] as const) {
  test(`signals faster than the gate’s answers only slow the program down (${mode})`, async (t) => {
    const harness = makeHarness(t);
    const command = [compileFixture('handlers'), mode, interval, ...rest];
    const { stdout, result } = await harness.run(['--kmem', '64M', '--timeout', lenient(15), '--', ...command]);
    t.log(`${result?.outcome} ${stdout.trim()}`);
    if (result?.outcome === 'timeout') t.is(stdout, '');
    else t.regex(stdout, /^handled [1-9]\d+ failed 0\n$/);
    t.true(['passed', 'timeout'].includes(result?.outcome ?? ''), result?.outcome);
    harness.assertNothingLeft();
  });
}
