/** Parallel steps and changing limits on the kernels of microVMs: cgroup v2, and the kernel's own limit. */

import anyTest, { type ExecutionContext } from 'ava';
import type { StepInput } from '../../src/request/run-input.ts';
import { made } from '../run/made.ts';
import { needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;
const M = 1_048_576;
/** Emulated, on a machine that is busy with other things. */
const WITHIN = '5m';

/** Opens a file for each line of its pipe, which is open from the start. */
const SERVER =
  'open P, "+<", "pipe"; $| = 1; print "up\n"; while (<P>) { print open(F, "/etc/hostname") ? "opened" : "refused $!", " $_" }';
const server: readonly StepInput[] = [
  { run: 'mkfifo pipe' },
  { name: 'server', run: ['perl', '-e', SERVER], background: true, ready: { log: '^up', within: WITHIN } },
];
function ask(word: string, answer: string): readonly StepInput[] {
  return [{ run: `echo ${word} > pipe`, outside: true }, { wait: { log: `^${answer} ${word}$`, within: WITHIN } }];
}

async function inGuest(t: ExecutionContext, kernel: string, plan: readonly StepInput[]) {
  t.timeout(20 * 60_000);
  if (!(await needsKernel(t, kernel))) return null;
  const { result, output } = await made(t, plan, { kmem: '8M', kernel, timeout: '15m' });
  t.is(result.outcome, 'passed', `${output}${JSON.stringify(result.expectations.filter(({ passed }) => !passed))}`);
  return result;
}

test('on cgroup v2 a server’s limit is lowered and raised; limits that v2 lacks are refused', async (t) => {
  const result = await inGuest(t, '6.12', [
    ...server,
    { name: 'squeeze', limits: { kmem: '64K', pids: 50 }, expect: 'kmemUsage>64K' },
    ...ask('one', 'refused Cannot allocate memory'),
    { limits: { kmem: '8M', mem: '256M', memsw: '300M' } },
    ...ask('two', 'opened'),
    { limits: { kmemTcp: '1M', mem: '128M' }, expect: 'error~/no limit on TCP buffers/' },
  ]);
  if (result === null) return;
  t.is(result.environment.cgroup, 'v2');
  t.is(result.enforcement.mode, 'kernel');
  t.is(result.kmem.failcnt, 1);
  t.is(result.failures[0]?.step, 1);
  t.like(result.steps[1], { stopped: true, failcnt: 1, error: null });
  // Page faults are not refused under auto, and the squeezed server may still touch new pages.
  t.true((result.kmem.overshoot ?? 1e9) <= 32 * 1024, `${result.kmem.overshoot}`);
  const [left, last] = [result.steps.find(({ name }) => name === 'squeeze'), result.steps.at(-1)];
  t.deepEqual(left?.limits, { kmem: 64 * 1024, mem: null, memsw: null, kmemTcp: null, pids: 50 });
  t.deepEqual(last?.limits, { kmem: 8 * M, mem: 256 * M, memsw: 300 * M, kmemTcp: null, pids: 50 });
});

test('the kernel’s limit cannot be set below the usage, and applies from the step that sets it', async (t) => {
  const forks = 'i=0; while [ $i -lt 40 ]; do sleep 1000 & i=$((i+1)); done; true';
  const result = await inGuest(t, '5.10', [
    ...server,
    { limits: { kmem: '4K' }, expect: 'error~/EBUSY.*are in use, and the kernel accepts no lower limit/' },
    ...ask('one', 'opened'),
    { limits: { kmem: '1M' } },
    { name: 'short', run: forks, expect: ['exit!=0', 'failcnt>0'] },
    { limits: { kmem: null } },
    { name: 'enough', run: forks, expect: 'failcnt==0' },
  ]);
  if (result === null) return;
  t.is(result.enforcement.mode, 'native');
  t.deepEqual(
    result.steps.map(({ limits }) => limits?.kmem),
    [...Array(5).fill(8 * M), M, M, null, null],
  );
  t.is(result.kmem.overshoot, 0);
  t.true((result.kmem.maxUsage ?? 0) > M, `${result.kmem.maxUsage}`);
  const short = result.steps.findIndex(({ name }) => name === 'short');
  t.true(result.failures.some(({ step }) => step === short));
  // Although the server ran in parallel: no refusal counts twice.
  const booked = result.steps.reduce((sum, { failcnt }) => sum + (failcnt ?? 0), 0);
  t.is(booked, result.kmem.failcnt ?? -1, JSON.stringify(result.steps.map(({ failcnt }) => failcnt)));
  // Failures of its children after it has ended are reported for a step that is then running: for the server, too.
  const began = result.steps[short]?.atMs ?? Infinity;
  t.deepEqual(
    result.failures.filter(({ atMs }) => atMs < began),
    [],
  );
});
