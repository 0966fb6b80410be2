/** `--enforce native` on kernels that no longer enforce a limit on kernel memory themselves: the module kmem_native. */

import anyTest, { type ExecutionContext } from 'ava';
import type { SetupError } from '../../src/errors.ts';
import { findKernel } from '../../src/kernels/find.ts';
import { normaliseSpec, type PlanInput } from '../../src/request/normalise.ts';
import type { Output } from '../../src/result/judge.ts';
import type { Result } from '../../src/result/schema.ts';
import { runSpec } from '../../src/run/index.ts';
import { openGuests } from '../../src/vm/guests.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { needs } from '../needs.ts';
import { ERROR_INJECTION, needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;
const MIB = 1 << 20;
/** What several CPUs may hold back, and what is allocated between two readings. */
const NEAR = 128 * 1024;

type Ran = Readonly<{ result: Result; output: Output }>;
type Run = (script: string, more?: Partial<PlanInput>) => Promise<Ran>;

/** One guest for all runs. Null: this machine cannot boot it. */
async function warm(t: ExecutionContext, kernel: string, cgroup: 'v1' | 'v2'): Promise<Run | null> {
  t.timeout(10 * 60_000);
  if (!(await needsKernel(t, kernel))) return null;
  const guests = openGuests(1);
  t.teardown(guests.close);
  return async (script, more = {}) => {
    let output: Output = { stdout: null, stderr: null };
    const given = { kernel, cgroup, enforce: 'native', kmem: '1M', output: 'null', timeout: '2m' } as const;
    const spec = normaliseSpec({ ...given, plan: [{ run: ['sh', '-c', script] }], ...more });
    const onOutput = (written: Output): void => {
      output = written;
    };
    return { result: await runSpec(spec, { guests, stdin: 'null', onOutput }), output };
  };
}

async function hasModule(t: ExecutionContext, kernel: string): Promise<boolean> {
  if (!(await needsKernel(t, kernel))) return false;
  const { native } = await findKernel(kernel);
  return needs(t, native.path !== null, `the module of --enforce native for ${kernel}: ${native.reason}`);
}

const FORKS = 'while :; do sleep 100 & done';
/** At the limit a program has no room for its line: the shell prints it later. */
const FILL = `"$EXHAUST" eventfd > /dev/shm/out; cat /dev/shm/out`;

for (const [kernel, cgroup] of [
  ['6.1', 'v1'],
  ['6.1', 'v2'],
  ['6.12', 'v2'],
] as const)
  test(`${kernel}, ${cgroup}: each charge over the limit is refused, and no run affects the next one`, async (t) => {
    const run = (await hasModule(t, kernel)) ? await warm(t, kernel, cgroup) : null;
    if (run === null) return;
    const env = { EXHAUST: compileFixture('exhaust') };
    const group = cgroup === 'v1' ? '/sys/fs/cgroup/memory' : '/sys/fs/cgroup';
    const own = cgroup === 'v1' ? `s/^[0-9]*:memory://p` : 's/^0:://p';
    const cd = `cd ${group}$(sed -n ${own} /proc/self/cgroup)`;

    const forks = await run(FORKS);
    assertRefused(t, forks);
    t.like(forks.result.enforcement, { mode: 'native', granularity: 'charge', failuresDropped: 0 });
    t.regex(forks.result.enforcement.notes.join(), /^this kernel enforces no limit .* kmem_native did/);
    const fork = forks.result.failures.find(({ comm, syscall }) => comm === 'sh' && /fork|^clone/.test(syscall ?? ''));
    t.is(fork?.errno, 'ENOMEM', JSON.stringify(forks.result.failures));
    // At the limit even the shell may have no room for its own message.
    t.regex(forks.output.stderr ?? '', /Cannot fork|Cannot allocate memory|failed to map segment/);

    const idle = await run('cat /proc/kmem_native/group', { enforce: 'none' });
    t.is(idle.result.enforcement.vm?.reused, 1, 'the guest is kept');
    t.is(idle.output.stdout, '0\n', 'between two runs the module does nothing');
    const free = await run(FORKS.replace(':', '[ $((i += 1)) -lt 60 ]'), { enforce: 'none' });
    t.true((free.result.kmem.maxUsage ?? 0) > MIB && free.result.outcome === 'passed', 'the limit is gone');

    const small = await run('true', { kmem: '64M' });
    t.like(small.result.kmem, { failcnt: 0, overshoot: 0 });
    t.true((small.result.kmem.maxUsage ?? MIB) < MIB / 2, 'the count starts anew');
    t.is(small.result.enforcement.vm?.reused, 3);

    // The kernel's own count follows after it, so it is read first.
    const kernels = cgroup === 'v1' ? 'memory.kmem.usage_in_bytes' : 'memory.stat';
    const read = `cat cpu.stat ${kernels} /proc/kmem_native/memory.kmem.usage_in_bytes 2> /dev/null`;
    const filled = await run(`${FILL}; ${cd}${cgroup === 'v1' ? '' : '/..'}; ${read}; cat /proc/kmem_native/*failcnt`, {
      env,
    });
    assertRefused(t, filled);
    const lines = (filled.output.stdout ?? '').trim().split('\n');
    const { after, errno } = JSON.parse(lines[0] ?? '') as { after: number; errno: number };
    t.is(errno, 12);
    t.true(after <= MIB && after > MIB - NEAR, `${after}`);
    t.is(Number(lines.at(-1)), filled.result.kmem.failcnt ?? -1);
    const counted = Number(lines.at(-2));
    const byKernel = Number(
      (lines.find((line) => line.startsWith('kernel ')) ?? lines.at(-3) ?? '').replace('kernel ', ''),
    );
    t.true(counted > 0 && Math.abs(counted - byKernel) <= NEAR, `${counted}, ${byKernel}`);

    // On v2 the leaf becomes a group of its own for memory.
    const nest = cgroup === 'v1' ? 'mkdir sub && echo $$ > sub/tasks' : 'echo +memory > ../cgroup.subtree_control';
    const nested = await run(`${cd}; ${nest} && echo nested; ${FORKS}`);
    assertRefused(t, nested);
    t.is(nested.output.stdout, 'nested\n', nested.output.stderr ?? '');

    const changed = await run('', {
      env,
      plan: [{ run: ['sh', '-c', FILL] }, { limits: { kmem: '2M' } }, { run: ['sh', '-c', FILL] }],
    });
    const [first = 0, second = 0] = [...(changed.output.stdout ?? '').matchAll(/"after":(\d+)/g)].map(([, n]) =>
      Number(n),
    );
    t.true(first <= MIB && second > 2 * MIB - NEAR && second <= 2 * MIB, changed.output.stdout ?? '');
    t.is(changed.result.kmem.overshoot, 0);
  });

function assertRefused(t: ExecutionContext, { result }: Ran): void {
  const { failcnt, maxUsage, maxUsageSource, overshoot } = result.kmem;
  t.is(result.error, null);
  t.is(overshoot, 0);
  t.true((failcnt ?? 0) > 0 && (maxUsage ?? 0) > MIB - NEAR && (maxUsage ?? 0) <= MIB, JSON.stringify(result.kmem));
  t.is(maxUsageSource, 'counter');
  t.is(result.steps[0]?.failcnt ?? -1, failcnt ?? -2);
}

test('auto does not use the module, and a kernel without one says why', async (t) => {
  if (!(await hasModule(t, '6.12'))) return;
  const run = await warm(t, '6.12', 'v2');
  const without = (await needsKernel(t, ERROR_INJECTION)) ? await warm(t, ERROR_INJECTION, 'v2') : null;
  if (run === null || without === null) return;
  t.not((await run('true', { enforce: 'auto' })).result.enforcement.mode, 'native');
  const error = await t.throwsAsync<SetupError>(without('echo ran'), {
    name: 'SetupError',
    code: 'native-not-enforced',
  });
  t.regex(error?.message ?? '', /enforces no limit .* has no module for it: only kernels from a Debian mirror get one/);
  t.is(error?.hint, 'use --enforce gate');
});
