/** Experiments in microVMs: kernels side by side, and what happens if one of their processes is killed. */

import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import anyTest from 'ava';
import type { SweepReport } from '../../src/experiment/sweep/report.ts';
import { makeHarness } from '../harness.ts';
import { commOf, descendantsOf } from '../processes.ts';
import { until } from './machines.ts';
import { needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;
const TIMEOUT = { timeout: 10 * 60_000, json: false };

function qemusOf(pid: number): number[] {
  return descendantsOf(pid).filter((child) => commOf(child).startsWith('qemu-system'));
}

test('a sweep compares kernels with the host, and goes on if a microVM is killed', async (t) => {
  t.timeout(TIMEOUT.timeout);
  if (!(await needsKernel(t, '5.10')) || !(await needsKernel(t, '6.12'))) return;
  const harness = makeHarness(t);
  const table = harness.path('sweep.json');
  const script = 'sleep 0.2; exit 0';
  const running = harness.start(
    [
      ...['sweep', '--kernel', '5.10,6.12,host', '--kmem', '4M,8M', '--repeat', '3', '--warmup', '0'],
      ...['--json', table, '--', 'sh', '-c', script],
    ],
    TIMEOUT,
  );
  await until(() => qemusOf(running.pid).length > 0, 'a microVM is up', TIMEOUT.timeout);
  // Wherever it is: while it boots, between two runs, or in one. After a third time a boot or a run is given up.
  for (let i = 0; i < 2; i += 1) {
    await sleep(3000);
    for (const pid of qemusOf(running.pid).slice(0, 1)) process.kill(pid, 'SIGKILL');
  }
  const { status, stderr } = await running.ended;
  t.is(status, 0, stderr);
  const report = JSON.parse(readFileSync(table, 'utf8')) as SweepReport;
  t.is(report.status, 'done');
  t.is(report.points.length, 6);
  for (const point of report.points) t.is(point.runs, 3, JSON.stringify(point));
  harness.assertNothingLeft();
});

test('if kmem-run is killed, its microVMs end, and nothing is left', async (t) => {
  t.timeout(TIMEOUT.timeout);
  if (!(await needsKernel(t, '5.10'))) return;
  const harness = makeHarness(t);
  const running = harness.start(
    ['bisect', '--kernel', '5.10', '--jobs', '2', '--warmup', '0', '--', 'sh', '-c', 'sleep 0.5; sleep 0.1'],
    TIMEOUT,
  );
  await until(() => qemusOf(running.pid).length > 1, 'two microVMs are up', TIMEOUT.timeout);
  const machines = qemusOf(running.pid);
  const [runner] = descendantsOf(running.pid).filter((pid) => commOf(pid) === 'MainThread');
  process.kill(runner ?? running.pid, 'SIGKILL');
  await running.ended;
  await until(() => machines.every((pid) => !existsSync(`/proc/${pid}`)), 'the microVMs end', 60_000);
  await harness.run(['gc']);
  harness.assertNothingLeft();
});
