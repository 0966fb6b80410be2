/** The machine runs out of descriptors while kmem-run watches a run. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import test from 'ava';
import { until } from '../cgroup/sandbox.ts';
import { makeHarness } from '../harness.ts';
import { readOrEmpty } from '../processes.ts';

/** How often a process has slept: at least once for each of its timers. */
function sleepsOf(pid: number): number {
  return Number(/^voluntary_ctxt_switches:\s+(\d+)$/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1] ?? Infinity);
}

for (const args of [[], ['--wait', 'empty'], ['--expect', 'exit==7', '--expect', 'stdout==""']]) {
  test.serial(`the run continues when kmem-run is out of file descriptors (${args.join(' ')})`, async (t) => {
    const harness = makeHarness(t);
    const line = 'touch up; while [ ! -e go ]; do sleep 0.05; done; exit 7';
    const running = harness.start(['--kmem', '8M', '--sample', '10ms', ...args, '--', 'sh', '-c', line]);
    await until(() => harness.has('up'));
    const open = readdirSync(`/proc/${running.pid}/fd`).length;
    const hard = /^Max open files\s+\d+\s+(\d+)/m.exec(readFileSync(`/proc/${running.pid}/limits`, 'latin1'))?.[1];
    execFileSync('prlimit', ['--pid', String(running.pid), `--nofile=${open}:${hard}`]);
    const before = sleepsOf(running.pid);
    // The quickest is due every 10 ms, the slowest every 200.
    await until(() => sleepsOf(running.pid) > before + 100);
    execFileSync('prlimit', ['--pid', String(running.pid), `--nofile=${hard}:${hard}`]);
    writeFileSync(harness.path('go'), '');
    const { status, result, stderr } = await running.ended;
    t.is(status, args.includes('--expect') ? 0 : 7, stderr);
    t.is(result?.exit.code, 7);
    t.is(result?.error, null);
    harness.assertNothingLeft();
  });
}
