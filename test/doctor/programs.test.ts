/** BPF programs: what doctor reports when they work, and when something prevents them. */

import { constants } from 'node:os';
import test from 'ava';
import { type Bench, openBench, type ProgramKind, type ProgramTrial } from '../../src/doctor/bench.ts';
import { lackingIn, type Obstacles, obstacleTo } from '../../src/doctor/obstacles.ts';
import { exactUsage, moves, pageFaults } from '../../src/doctor/programs.ts';
import { version } from '../cgroup/sandbox.ts';
import { needs } from '../needs.ts';
import { whyNoPrograms } from '../programs.ts';
import { diagnosesOf, doctor, makeMachine, underSeccomp } from './machine.ts';

const free: Obstacles = { lacking: [], inUserNamespace: false, seccompFilters: false, lockedDown: false, types: true };

function obstacle(program: string | null, errno: keyof typeof constants.errno, part: Partial<Obstacles> = {}): string {
  return obstacleTo({ program, errno: constants.errno[errno] }, { ...free, ...part });
}

function bench(trial: Partial<ProgramTrial>, parts: Partial<Bench> = {}): Bench {
  const of = (kind: ProgramKind) => ({ kind, program: null, errno: 0, works: false, ...trial });
  return {
    ...openBench({ parent: null, signal: new AbortController().signal }),
    programs: async () => ({ types: true, of }),
    ...parts,
  };
}

test('each cause is named along with who can fix it', (t) => {
  const program = 'tp_btf/mm_page_alloc';
  const lacking = ['CAP_BPF', 'CAP_PERFMON'];
  t.regex(obstacle(null, 'EPERM', { lacking }), /needs CAP_BPF and CAP_PERFMON.* \(EPERM\): run as root/);
  t.regex(obstacle(null, 'EPERM', { inUserNamespace: true }), /user namespace \(EPERM\): run kmem-run outside/);
  t.regex(obstacle(program, 'EPERM', { seccompFilters: true }), /sandbox forbids bpf\(2\) \(EPERM\): run kmem-run out/);
  for (const errno of ['EPERM', 'EINVAL'] as const)
    t.regex(
      obstacle(program, errno, { lockedDown: true }),
      /lockdown forbids .*: boot this machine with lockdown=/,
      errno,
    );
  t.regex(obstacle('fexit', 'EPERM'), /policy of this kernel forbids the program fexit .*: ask the administrator/);
  t.regex(
    obstacle(program, 'ENOENT', { types: false }),
    /\/sys\/kernel\/btf\/vmlinux.*: boot a kernel .*DEBUG_INFO_BTF/,
  );
  t.regex(obstacle('tp_btf/page_fault_user', 'ENOENT'), /no tracepoint page_fault_user \(ENOENT\): boot a newer/);
  t.regex(obstacle('syscall/prepare', 'ENOENT'), /CONFIG_KALLSYMS_ALL/);
  t.regex(obstacle('syscall/locate', 'ENOENT'), /CONFIG_KALLSYMS_ALL/);
  t.regex(obstacle('fmod_ret/should_failslab', 'EPROTO'), /makes an allocation that a program refused \(EPROTO\)/);
  t.regex(obstacle('fmod_ret/security_file_alloc', 'EINVAL'), /lets no program answer for its functions \(EINVAL\)/);
  t.regex(obstacle('syscall/read', 'EINVAL'), /does not accept the program syscall\/read \(EINVAL\): boot Linux 6\.1/);
  t.regex(obstacle(null, 'ENOSYS'), /no bpf\(2\) \(ENOSYS\): boot a kernel built with CONFIG_BPF_SYSCALL/);
  t.regex(obstacleTo({ program: null, errno: 0 }, free), /loads, but missed the event/);
});

test('capabilities: CAP_SYS_ADMIN implies the others', (t) => {
  t.deepEqual(lackingIn('000001ffffffffff'), []);
  t.deepEqual(lackingIn('0000000000200000'), []);
  t.deepEqual(lackingIn('000000c000000000'), []);
  t.deepEqual(lackingIn('0000008000000000'), ['CAP_PERFMON']);
  t.deepEqual(lackingIn('0000000000000000'), ['CAP_BPF', 'CAP_PERFMON']);
});

test('it is ok only if the program saw the test event', async (t) => {
  for (const check of [pageFaults, moves]) {
    t.is((await check.probe(bench({ works: true }))).level, 'ok', check.name);
    const blind = await check.probe(bench({ works: false }));
    t.is(blind.level, 'note', check.name);
    t.regex(blind.found, /missed the event of its test/);
    const forbidden = await check.probe(bench({ errno: constants.errno.EPERM, program: 'tp_btf/task_newtask' }));
    t.is(forbidden.level, 'note', check.name);
    t.regex(forbidden.found, /\(EPERM\)/);
  }
});

test('only cgroup v2 needs a program to count exactly', async (t) => {
  const place = { mountPoint: '/mnt', mountRoot: '/', own: '/mnt', readOnly: false, controllers: ['memory'] };
  const on = (version: 1 | 2): Partial<Bench> => ({
    hierarchies: () => ({ layout: `v${version}`, memory: { version, ...place }, unified: null, pids: null }),
  });
  const broken = { errno: constants.errno.EINVAL, program: 'syscall/prepare' };
  t.like(await exactUsage.probe(bench(broken, on(1))), { level: 'ok' });
  t.like(await exactUsage.probe(bench(broken, on(2))), { level: 'note' });
  t.like(await exactUsage.probe(bench({ works: true }, on(2))), { level: 'ok' });
});

test.serial('programs are loaded and triggered if the machine allows them', async (t) => {
  if (!needs(t, whyNoPrograms === null, `BPF programs: ${whyNoPrograms}`)) return;
  const machine = makeMachine(t);
  const ran = await doctor(machine, ['--json']);
  t.is(ran.status, 0, ran.stderr);
  const diagnoses = diagnosesOf(ran);
  for (const name of ['page-faults', 'moves', 'exact-usage']) t.is(diagnoses.get(name)?.level, 'ok', name);
  t.regex(diagnoses.get('page-faults')?.found ?? '', /was loaded and triggered/);
  if (version === 1) t.regex(diagnoses.get('exact-usage')?.found ?? '', /v1 counts exactly/);
  machine.assertClean();
});

test.serial('forbidden programs do not fail doctor: a gated run still works', async (t) => {
  const machine = makeMachine(t);
  const dropped = 'exec setpriv --bounding-set=-sys_admin,-bpf,-perfmon --inh-caps=-sys_admin,-bpf,-perfmon -- "$@"';
  const lacking = [...machine.alone, 'sh', '-c', dropped, 'sh'];
  for (const [under, cause] of [
    [lacking, /loading needs CAP_BPF and CAP_PERFMON, which kmem-run lacks here \(EPERM\): run as root/],
    [
      [...machine.alone, ...underSeccomp('deny', 'bpf', `${constants.errno.EPERM}`)],
      /a sandbox forbids bpf\(2\) \(EPERM\): run kmem-run outside/,
    ],
  ] as const) {
    const ran = await doctor(machine, ['--json'], { under });
    t.is(ran.status, 0, ran.stdout);
    for (const name of ['page-faults', 'moves']) {
      t.is(diagnosesOf(ran).get(name)?.level, 'note', name);
      t.regex(diagnosesOf(ran).get(name)?.found ?? '', cause);
    }
    const gated = await machine.run(['--kmem', '64M', '--', 'true'], { under });
    t.is(gated.status, 0, gated.stderr);
    t.like(gated.result?.enforcement.programs, { faults: null, faultPages: null, moves: false });
    t.regex(gated.result?.enforcement.notes.join('\n') ?? '', /not watched by BPF programs: .*EPERM/);
  }
  machine.assertClean();
});
