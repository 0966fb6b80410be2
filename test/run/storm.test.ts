import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import test from 'ava';
import type { Result } from '../../src/result/schema.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { makeHarness } from '../harness.ts';

const RUNNER_MB = 120;
const HELPER_MB = 3;
const KIB_PER_MB = 1e6 / 1024;

/**
 * The highest peak RSS (MB) of the processes with that name, sampled until stopped: an exiting process takes its peak
 * with it.
 */
function watchPeak(comm: string, parent: number): { stop: () => Promise<number> } {
  let highest = 0;
  let watching = true;
  const watch = (async () => {
    while (watching) {
      for (const pid of childrenOf(parent)) {
        const status = readOrEmpty(`/proc/${pid}/status`);
        if (!status.startsWith(`Name:\t${comm}\n`)) continue;
        highest = Math.max(highest, Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) / KIB_PER_MB);
      }
      await sleep(20);
    }
  })();
  return {
    stop: async () => {
      watching = false;
      await watch;
      return highest;
    },
  };
}

/** All descendants: one of the test's programs may be in between. */
function childrenOf(pid: number): number[] {
  const tasks = listed(`/proc/${pid}/task`);
  const children = tasks.flatMap((task) => readOrEmpty(`/proc/${pid}/task/${task}/children`).split(' '));
  const direct = children.filter((word) => word !== '').map(Number);
  return [...direct, ...direct.flatMap(childrenOf)];
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

function sumOf(result: Result | null) {
  return (result?.failureCounts ?? []).reduce((sum, { count }) => sum + count, 0);
}

test.serial('in a 10 s storm of denials, memory stays bounded and every denial is counted', async (t) => {
  const harness = makeHarness(t);
  const running = harness.start(['--kmem', '1M', '--cpus', '0', '--', compileFixture('denial-storm'), '10'], {
    under: [compileFixture('peak-rss'), 'peak'],
  });
  const helper = watchPeak('kmem-helper', running.pid);
  const { status, stdout, result } = await running.ended;
  const helperMB = await helper.stop();
  const runnerMB = Number(harness.read('peak')) / KIB_PER_MB;
  t.log(
    `${Number(stdout) / 10} denials a second; peak RSS: runner ${runnerMB.toFixed(1)} MB, helper ${helperMB.toFixed(1)} MB`,
  );
  t.is(status, 0);
  t.true(Number(stdout) > 1000);
  t.is(result?.kmem.failcnt, Number(stdout));
  t.is(sumOf(result), Number(stdout));
  t.is(result?.failures.length, 1000);
  t.is(result?.enforcement.failuresDropped, Number(stdout) - 1000);
  t.is(result?.enforcement.failuresUncounted, 0);
  t.true(helperMB > 0 && helperMB <= HELPER_MB);
  t.true(runnerMB <= RUNNER_MB);
  harness.assertNothingLeft();
});

test.serial('an endless fork bomb still yields a result, and its counts agree', async (t) => {
  const harness = makeHarness(t);
  const bomb = compileFixture('fork-bomb');
  const args = ['--kmem', '4M', '--timeout', '3s', '--grace', '500ms', '--', bomb];
  const running = harness.start(args, { under: [compileFixture('peak-rss'), 'peak'] });
  const helper = watchPeak('kmem-helper', running.pid);
  const { status, signal, result } = await running.ended;
  const helperMB = await helper.stop();
  t.deepEqual({ status, signal }, { status: 124, signal: null });
  const runnerMB = Number(harness.read('peak')) / KIB_PER_MB;
  t.log(
    `${result?.kmem.failcnt} denials; peak RSS: runner ${runnerMB.toFixed(1)} MB, helper ${helperMB.toFixed(1)} MB`,
  );
  t.is(result?.outcome, 'timeout');
  t.true((result?.kmem.failcnt ?? 0) > 0);
  t.is(sumOf(result) + (result?.enforcement.failuresUncounted ?? 0), result?.kmem.failcnt ?? Number.NaN);
  t.true((result?.failures.length ?? Number.POSITIVE_INFINITY) <= 1000);
  t.true(helperMB > 0 && helperMB <= HELPER_MB);
  t.true(runnerMB <= RUNNER_MB);
  harness.assertNothingLeft();
});

test.serial('in a storm of calls, the supervisor gives up its priority again and again', async (t) => {
  const harness = makeHarness(t);
  const args = ['--kmem', '4M', '--timeout', '3s', '--grace', '500ms', '--', compileFixture('fork-bomb')];
  // On one CPU the runner gets nothing beside it otherwise.
  const running = harness.start(args, { under: ['taskset', '-c', '0'] });
  let ended = false;
  const policies: string[] = [];
  const done = running.ended.finally(() => {
    ended = true;
  });
  while (!ended) {
    for (const pid of childrenOf(running.pid)) {
      const stat = readOrEmpty(`/proc/${pid}/stat`);
      if (stat.includes('(kmem-helper)')) policies.push(stat.split(' ')[40] ?? '');
    }
    await sleep(5);
  }
  t.is((await done).result?.outcome, 'timeout');
  const seen = (policy: string) => policies.filter((one) => one === policy).length;
  const [ordinary, realTime] = [seen('0'), seen('1')];
  t.log(`${realTime} times with real-time priority, ${ordinary} times without`);
  t.true(realTime > 10 && ordinary > 10);
  harness.assertNothingLeft();
});
