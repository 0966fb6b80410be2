/** BPF programs on the kernels of microVMs: which load and work, and what they read and end on cgroup v2. */

import anyTest, { type ExecutionContext } from 'ava';
import { helperPath } from '../../src/gate/helper.ts';
import { errnoName } from '../../src/gate/protocol.ts';
import type { PlanInput, StepInput } from '../../src/request/run-input.ts';
import type { Result } from '../../src/result/schema.ts';
import { compileFixture } from '../fixtures/compile.ts';
import { readSurvey, type Survey } from '../programs.ts';
import { made } from '../run/made.ts';
import { needsKernel } from './needs-kernel.ts';

const test = anyTest.serial;
const LIMIT = 2 * 1024 * 1024;
const PAGE = 4096;

/** In the guest: the file with which the process joins its memory cgroup. */
const JOIN_FILE = `own=$(sed -n 's/^[0-9]*:memory://p' /proc/self/cgroup)
file=/sys/fs/cgroup/memory$own/tasks
[ -n "$own" ] || file=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)/cgroup.procs`;
const survey: StepInput = { name: 'survey', run: `${JOIN_FILE}; '${helperPath()}' programs "$file"` };

/** All programs; each has to load unless its kernel's table names its error. */
const PROGRAMS: Readonly<Record<string, readonly string[]>> = {
  refusals: ['fexit', 'raw_tp/page_fault_user', 'raw_tp/sys_enter', 'raw_tp/sys_exit'],
  watch: [
    'fmod_ret/security_file_alloc',
    'fmod_ret/security_inode_alloc',
    'fmod_ret/security_mmap_file',
    'fmod_ret/security_sk_alloc',
    'fmod_ret/should_fail_alloc_page',
    'fmod_ret/should_failslab',
    'syscall/locate',
    'syscall/name',
    'syscall/prepare',
    'syscall/read',
    'tp_btf/cgroup_attach_task',
    'tp_btf/cgroup_rmdir',
    'tp_btf/kmalloc',
    'tp_btf/kmem_cache_alloc',
    'tp_btf/mm_page_alloc',
    'tp_btf/page_fault_kernel',
    'tp_btf/page_fault_user',
    'tp_btf/sys_exit',
    'tp_btf/task_newtask',
  ],
  profile: [
    'syscall/check',
    'syscall/locate',
    'syscall/name',
    'syscall/read',
    'tp_btf/cgroup_rmdir',
    'tp_btf/kfree',
    'tp_btf/kmalloc',
    'tp_btf/kmem_cache_alloc',
    'tp_btf/kmem_cache_free',
    'tp_btf/mm_page_alloc',
    'tp_btf/mm_page_free',
    'tp_btf/percpu_alloc_percpu',
    'tp_btf/percpu_free_percpu',
    'tp_btf/sched_process_exit',
    'tp_btf/task_newtask',
  ],
};

type Errors = Readonly<Record<string, string>>;
/** `own`: errors of programs whose namesakes in other objects load. */
type Expected = Readonly<{
  errors: Errors;
  own?: Readonly<Record<string, Errors>>;
  kinds: Readonly<Record<string, boolean>>;
}>;

const expected: Readonly<Record<string, Expected>> = {
  // No programs that are run on request, and so no readings on cgroup v2, which lacks kernel memory here anyway.
  '5.10': {
    errors: {
      'syscall/prepare': 'EINVAL',
      'syscall/read': 'EINVAL',
      'syscall/locate': 'EINVAL',
      'syscall/name': 'EINVAL',
      'fmod_ret/security_file_alloc': 'EINVAL',
      'fmod_ret/security_inode_alloc': 'EINVAL',
      'fmod_ret/security_mmap_file': 'EINVAL',
      'fmod_ret/security_sk_alloc': 'EINVAL',
      'fmod_ret/should_failslab': 'EINVAL',
      'fmod_ret/should_fail_alloc_page': 'EINVAL',
    },
    own: {
      profile: {
        'syscall/check': 'EINVAL',
        // bpf_get_current_task_btf() came with 5.11, the eighth argument of percpu_alloc_percpu with 6.0.
        'tp_btf/kmalloc': 'EINVAL',
        'tp_btf/kmem_cache_alloc': 'EACCES',
        'tp_btf/mm_page_alloc': 'EINVAL',
        'tp_btf/percpu_alloc_percpu': 'EACCES',
        'tp_btf/task_newtask': 'EINVAL',
      },
    },
    kinds: { faults: true, readings: false, moves: true, refusals: true, allocations: false, objects: false },
  },
  // No function both charges and refuses: the kernel enforces no kernel memory limit.
  '6.1': {
    // Debian sets no CONFIG_FUNCTION_ERROR_INJECTION.
    errors: { fexit: 'ENOENT', 'fmod_ret/should_failslab': 'EINVAL', 'fmod_ret/should_fail_alloc_page': 'EINVAL' },
    kinds: { faults: true, readings: true, moves: true, refusals: false, allocations: false, objects: true },
  },
  '6.12': {
    errors: { fexit: 'ENOENT', 'fmod_ret/should_failslab': 'ENOENT', 'fmod_ret/should_fail_alloc_page': 'ENOENT' },
    kinds: { faults: true, readings: true, moves: true, refusals: false, allocations: false, objects: true },
  },
};

function assertSurvey(t: ExecutionContext, found: Survey, { errors, own = {}, kinds }: Expected): void {
  const errorOf = (errno: number) => (errno === 0 ? null : errnoName(errno));
  for (const [object, names] of Object.entries(PROGRAMS)) {
    const programs = found.programs.filter((program) => program.object === object);
    t.deepEqual(
      Object.fromEntries(programs.map(({ program, errno }) => [program, errorOf(errno)])),
      Object.fromEntries(names.map((name) => [name, own[object]?.[name] ?? errors[name] ?? null])),
      JSON.stringify(programs.filter(({ errno }) => errno !== 0)),
    );
  }
  t.deepEqual(
    Object.fromEntries(found.kinds.map(({ kind, works }) => [kind, works])),
    kinds,
    JSON.stringify(found.kinds),
  );
  for (const { kind, works, program, errno } of found.kinds)
    t.is(program === null ? null : errnoName(errno), works ? null : (errors[program ?? ''] ?? null), kind);
}

async function inGuest(t: ExecutionContext, kernel: string, plan: readonly StepInput[], more: Partial<PlanInput> = {}) {
  t.timeout(20 * 60_000);
  if (!(await needsKernel(t, kernel))) return null;
  const { result, output } = await made(t, plan, { kernel, timeout: '15m', ...more });
  const failed = result.expectations.filter(({ passed }) => !passed);
  t.is(result.outcome, 'passed', `${output}${JSON.stringify(failed)}${JSON.stringify(result.error)}`);
  return { result, output };
}

for (const kernel of ['5.10', '6.1']) {
  test(`on ${kernel} each program loads and works, or is refused for the known reason`, async (t) => {
    const ran = await inGuest(t, kernel, [survey]);
    if (ran !== null) assertSurvey(t, readSurvey(ran.output), expected[kernel] as Expected);
  });
}

/** Holds pipes and creates nothing else. */
const HOLDER = 'for (1..100) { pipe($r, $w); push @held, $r, $w } $| = 1; print "up\n"; sleep 1000';
/** From memory.stat, updated by reading cpu.stat, once everything that is freed late has been freed. */
const STAT = `stat() { cat "$g/cpu.stat" >/dev/null; awk '$1 == "kernel" { print $2 }' "$g/memory.stat"; }
for g in /sys/fs/cgroup/kmem-run.*; do [ -e "$g/memory.stat" ] && break; done
same=0; before=; while [ $same -lt 4 ]; do
  now=$(stat); if [ "$now" = "$before" ]; then same=$((same+1)); else same=0; before=$now; fi; sleep 0.3
done; echo "stat $now"`;

const measured: readonly StepInput[] = [
  { name: 'objects', run: [compileFixture('objects'), 'sockets', '200'] },
  { name: 'holder', run: ['perl', '-e', HOLDER], background: true, ready: { log: '^up', within: '5m' } },
  { run: STAT, outside: true },
  { name: 'limited', limits: { kmem: LIMIT } },
  { name: 'sparse', run: [compileFixture('sparse'), '1000', 'default'], expect: 'exit.signal==SIGBUS' },
  { limits: { kmem: null } },
  { name: 'clone3', run: [compileFixture('born-elsewhere'), '/sys/fs/cgroup'] },
];

function stepOf(result: Result | undefined, name: string) {
  return result?.steps.find((step) => step.name === name);
}

test('on 6.12, v2: readings equal memory.stat, peaks are exact, and a fault over the limit is ended', async (t) => {
  const one = await inGuest(t, '6.12', [...measured, survey], { cpus: '0', enforce: 'gate', onFault: 'sigbus' });
  const two = await inGuest(t, '6.12', measured, { cpus: '0', enforce: 'gate', onFault: 'sigbus' });
  if (one === null || two === null) return;
  assertSurvey(t, readSurvey(one.output), expected['6.12'] as Expected);
  const peaks = [one, two].map(({ result }) => stepOf(result, 'objects')?.kmemMaxUsage);
  t.log(`peaks ${peaks.join(' and ')}`);
  t.true((peaks[0] ?? 0) > 200 * 1000);
  t.is(peaks[0], peaks[1]);
  for (const { result, output } of [one, two]) {
    t.is(result.environment.cgroup, 'v2');
    t.like(result.kmem, { maxUsageSource: 'sum', uncertainty: 0 });
    t.like(result.enforcement.programs, { faults: 'sigbus', faultPages: 1, moves: true, lost: 0 });
    const [, stat] = /^stat (\d+)$/m.exec(output) ?? [];
    const usage = stepOf(result, 'limited')?.kmemUsage;
    t.log(`read ${usage}, memory.stat ${stat}`);
    t.is(usage, Number(stat));
    t.true((usage ?? 0) > 20 * PAGE);
    const step = result.steps.findIndex(({ name }) => name === 'sparse');
    t.deepEqual(
      result.failures.map(({ detail, fault, ...failure }) => [failure.step, failure.comm, detail, fault?.signal]),
      [[step, 'sparse', 'page fault', 'SIGBUS']],
    );
    const over = (stepOf(result, 'sparse')?.kmemMaxUsage ?? 0) - LIMIT;
    t.log(`overshoot ${over}`);
    t.true(over > 0 && over <= 4 * PAGE, `${over}`);
    // On v2 the memory of a child that clone3 starts in another cgroup is charged there.
    t.regex(result.enforcement.notes.join('\n'), /^born-elsewhere \(pid \d+\) was started outside the group/m);
    t.notRegex(result.enforcement.notes.join('\n'), /\(pid \d+\) (left|was moved into) the group/);
  }
});
