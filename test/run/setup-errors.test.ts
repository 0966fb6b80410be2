import { constants } from 'node:os';
import test from 'ava';
import { memoryErrorOf, setupErrorOf } from '../../src/run/setup-errors.ts';

const { ENOENT, EACCES, EBUSY, EPERM, EINVAL, EPROTO, EOPNOTSUPP, ENOMEM } = constants.errno;

function told(stage: string, errno: number, subject: string | null = null) {
  return setupErrorOf({ event: 'setup-error', stage, errno, subject }, 'apachectl');
}

test('each stage of the hand-over has its own error', (t) => {
  const codes: readonly (readonly [string, number, string])[] = [
    ['listener', EBUSY, 'no-listener'],
    ['listener', EPERM, 'no-listener'],
    ['not-accounted', 0, 'kmem-not-accounted'],
    ['exec', ENOENT, 'command-not-found'],
    ['exec', EACCES, 'not-executable'],
    ['directory', EACCES, 'bad-cwd'],
    ['identity', EPERM, 'no-permission'],
    ['personality', EPERM, 'no-personality'],
    ['affinity', EINVAL, 'bad-cpus'],
    ['join', EACCES, 'cannot-join'],
    ['lock', EBUSY, 'no-lock'],
    ['anything-new', EPERM, 'helper-failed'],
  ];
  for (const [stage, errno, code] of codes) {
    const error = told(stage, errno, '/some/file');
    t.is(error.code, code, stage);
    for (const text of [error.message, error.hint]) t.regex(text, /^[^\n]{10,}$/, stage);
  }
});

test('why the kernel cannot enforce is named, with the function that was asked', (t) => {
  for (const [errno, subject, reason] of [
    [EINVAL, 'fmod_ret/should_failslab', /a BPF program may not answer for should_failslab \(EINVAL\)$/],
    [ENOENT, 'fmod_ret/should_failslab', /it has no should_failslab$/],
    [EPROTO, 'fmod_ret/security_file_alloc', /refused an allocation at security_file_alloc, and the kernel made it/],
    [EPERM, 'syscall/locate', /where the kernel keeps what it has to read \(EPERM\)$/],
    [EPERM, 'moves', /that watch the group cannot be loaded \(EPERM\)$/],
    [0, '', /the helper did not report what BPF programs can refuse here$/],
  ] as const) {
    const { code, message, hint } = told('enforce', errno, subject);
    t.is(code, 'no-enforcement');
    t.regex(message, reason);
    t.is(hint, 'use --enforce gate, or a kernel that allows it, in a microVM: --kernel 6.1');
  }
});

test('why no profile can be recorded is named, with what helps', (t) => {
  for (const [errno, subject, reason, remedy] of [
    [
      EPERM,
      'kmem_cache_alloc',
      /cannot be loaded here \(kmem_cache_alloc: EPERM\)$/,
      /^run kmem-run as root .*CAP_BPF/,
    ],
    [EACCES, null, /cannot be loaded here \(EACCES\)$/, /^run kmem-run as root .*CAP_PERFMON/],
    [ENOENT, 'mm_page_alloc', /\(mm_page_alloc: ENOENT\): this kernel is older than 6\.1/, /^use Linux 6\.1/],
    [EINVAL, '', /\(EINVAL\): this kernel is older than 6\.1/, /^use Linux 6\.1/],
    [EOPNOTSUPP, null, /: this kernel is older than 6\.1/, /^use Linux 6\.1/],
    [ENOMEM, 'percpu', /\(percpu: ENOMEM\)$/, /^use Linux 6\.1/],
  ] as const) {
    const { code, message, hint } = told('profile', errno, subject);
    t.is(code, 'no-profile');
    t.regex(message, reason);
    t.regex(hint, remedy);
    t.regex(hint, /in a microVM \(kmem-run kernel add 6\.1, then --kernel 6\.1\)$/);
  }
});

test('the errno is named if there is one, and omitted otherwise', (t) => {
  t.regex(told('join', EACCES, '/sys/fs/cgroup/x/tasks').message, /\/sys\/fs\/cgroup\/x\/tasks \(EACCES\)$/);
  t.notRegex(told('lost', 0).message, /\(/);
});

test('an ancestor’s seccomp listener has its own message', (t) => {
  t.regex(told('listener', EBUSY).message, /an ancestor of this process already has a seccomp listener/);
  t.regex(told('listener', EPERM).message, /the kernel refuses a seccomp listener \(EPERM\)/);
});

test('a memory limit too small for the command to start is named as the reason', (t) => {
  const lost = { event: 'setup-error', stage: 'lost', errno: 0, subject: null } as const;
  const hit = { oomKills: 1, failcnt: 0 };
  t.regex(memoryErrorOf(lost, 8192, hit)?.message ?? '', /memory limit of 8 KiB is too small for the command to start/);
  t.is(memoryErrorOf(lost, 8192, { oomKills: 0, failcnt: 7 })?.code, 'mem-too-small');
  t.is(memoryErrorOf(lost, 8192, { oomKills: 0, failcnt: null }), null);
  t.is(memoryErrorOf(lost, null, hit), null);
  t.is(memoryErrorOf({ ...lost, stage: 'exec', errno: ENOENT }, 8192, hit), null);
});
