import { constants } from 'node:os';
import { SetupError } from '../errors.ts';
import { errnoName, type GateEvent } from '../gate/protocol.ts';
import { formatSize } from '../request/size.ts';
import { notExecutable, notFound } from './resolve.ts';

type SetupErrorEvent = Extract<GateEvent, { event: 'setup-error' }>;

const DOCTOR = 'run kmem-run doctor to diagnose it';

/** What the helper could not do, as the error shown to the user. `command` is the step's program. */
export function setupErrorOf({ stage, errno, subject }: SetupErrorEvent, command: string): SetupError {
  const why = errno === 0 ? '' : ` (${errnoName(errno)})`;
  switch (stage) {
    case 'listener':
      return noListener(errno);
    case 'escapes':
      return noProgram('--on-escape kill', why, 'leave out --on-escape');
    case 'faults':
      return noProgram('--on-fault sigbus or kill', why, 'leave out --on-fault');
    case 'enforce':
      return noEnforcement(errno, subject);
    case 'profile':
      return noProfile(errno, subject);
    case 'unnotified':
      return new SetupError(
        'no-gate',
        'the gate detects no system calls of the command: a seccomp filter around kmem-run answers seccomp(2) itself',
        'run kmem-run outside that sandbox, or allow seccomp(2) there (docker, podman: --security-opt seccomp=unconfined)',
      );
    case 'not-accounted':
      return new SetupError(
        'kmem-not-accounted',
        `kernel memory is not accounted here: ${subject} stays 0 while a task runs in the group`,
        'boot without cgroup.memory=nokmem, or leave out --kmem',
      );
    case 'not-told':
      return new SetupError(
        'kmem-not-told',
        `the kernel memory of the group is not reported: ${subject}, which before Linux 5.13 is too coarse for a limit and lacks page tables`,
        'use cgroup v1 (boot with systemd.unified_cgroup_hierarchy=0; for a microVM --cgroup v1), or leave out --kmem',
      );
    case 'exec':
      return execError(errno, command);
    case 'directory':
      return new SetupError(
        'bad-cwd',
        `the command cannot enter its working directory${why}`,
        'use another --cwd, or a --user who may enter it',
      );
    case 'identity':
      return new SetupError(
        'no-permission',
        `cannot switch to --user${why}`,
        'run kmem-run as root, or leave out --user',
      );
    case 'personality':
      return new SetupError(
        'no-personality',
        `address-space randomisation cannot be turned off${why}`,
        'use --aslr (peaks then vary from run to run), or allow personality(2) (docker, podman: --security-opt seccomp=unconfined; systemd: LockPersonality=no)',
      );
    case 'affinity':
      return new SetupError(
        'bad-cpus',
        `the command cannot be bound to the CPUs of --cpus${why}`,
        'choose CPUs that this process may use (taskset -p $$)',
      );
    case 'join':
      return new SetupError('cannot-join', `the group cannot be joined${subject ? `: ${subject}` : ''}${why}`, DOCTOR);
    case 'lock':
      return new SetupError('no-lock', `the lock of the run cannot be taken${why}`, DOCTOR);
    default:
      return new SetupError(
        'helper-failed',
        `the native helper failed at "${stage}"${subject ? ` (${subject})` : ''}${why}`,
        DOCTOR,
      );
  }
}

/** Null if the memory limit was not the cause. `oomKills`, `failcnt`: of the group's memory. */
export function memoryErrorOf(
  { stage, errno }: SetupErrorEvent,
  limit: number | null,
  { oomKills, failcnt }: Readonly<{ oomKills: number | null; failcnt: number | null }>,
): SetupError | null {
  const isLost = stage === 'lost' || errno === constants.errno.ENOMEM;
  if (limit === null || !isLost || ((oomKills ?? 0) === 0 && (failcnt ?? 0) === 0)) return null;
  return new SetupError(
    'mem-too-small',
    `the memory limit of ${formatSize(limit)} is too small for the command to start`,
    'raise --mem, which also limits the pages of the program and its libraries; 1M is enough for a small program',
  );
}

/** seccomp(2): EBUSY if an ancestor has already installed a filter with a listener. */
function noProgram(option: string, why: string, without: string): SetupError {
  return new SetupError(
    'no-watch',
    `${option} requires a BPF program, which cannot be loaded here${why}`,
    `run kmem-run as root on a kernel with BTF (see kmem-run doctor), or ${without}`,
  );
}

function noEnforcement(errno: number, subject: string | null): SetupError {
  const hint = 'use --enforce gate, or a kernel that allows it, in a microVM: --kernel 6.1';
  return new SetupError(
    'no-enforcement',
    `--enforce kernel does not work on this kernel: ${reasonFor(errno, subject)}`,
    hint,
  );
}

const NOT_ALLOWED: readonly string[] = ['EPERM', 'EACCES'];
const TOO_OLD: readonly string[] = ['ENOENT', 'EINVAL', 'ENOTSUP', 'EOPNOTSUPP'];

function noProfile(errno: number, subject: string | null): SetupError {
  const name = errno === 0 ? null : errnoName(errno);
  const why = [subject, name].filter((part) => part !== null && part !== '').join(': ');
  const message = `--profile requires BPF programs, which cannot be loaded here${why === '' ? '' : ` (${why})`}`;
  const inMicrovm = 'in a microVM (kmem-run kernel add 6.1, then --kernel 6.1)';
  if (NOT_ALLOWED.includes(name ?? ''))
    return new SetupError(
      'no-profile',
      message,
      `run kmem-run as root or with CAP_BPF and CAP_PERFMON, or ${inMicrovm}`,
    );
  const reason = TOO_OLD.includes(name ?? '') ? ': this kernel is older than 6.1, or lacks what they need' : '';
  return new SetupError('no-profile', `${message}${reason}`, `use Linux 6.1 or newer, or run ${inMicrovm}`);
}

function reasonFor(errno: number, subject: string | null): string {
  if (errno === 0) return 'the helper did not report what BPF programs can refuse here';
  const name = errnoName(errno);
  if (subject === 'syscall/locate')
    return `a BPF program cannot find out where the kernel keeps what it has to read (${name})`;
  const asked = subject?.startsWith('fmod_ret/') ? subject.slice('fmod_ret/'.length) : null;
  if (asked === null) return `the BPF programs that watch the group cannot be loaded (${name})`;
  if (name === 'EPROTO') return `a BPF program refused an allocation at ${asked}, and the kernel made it all the same`;
  if (name === 'ENOENT') return `it has no ${asked}`;
  return `a BPF program may not answer for ${asked} (${name})`;
}

function noListener(errno: number): SetupError {
  if (errno === constants.errno.EBUSY) {
    return new SetupError(
      'no-listener',
      'the gate cannot be installed: an ancestor of this process already has a seccomp listener (EBUSY)',
      'run kmem-run outside that sandbox (some container managers and test runners install a listener; docker, podman: --security-opt seccomp=unconfined), or use --enforce none, or boot a kernel in a microVM: --kernel NAME',
    );
  }
  return new SetupError(
    'no-listener',
    `the gate cannot be installed: the kernel refuses a seccomp listener (${errnoName(errno)})`,
    'use Linux 5.9 or newer outside any sandbox that forbids seccomp(2) (see kmem-run doctor), use --enforce none, or boot a kernel in a microVM: --kernel NAME',
  );
}

function execError(errno: number, command: string): SetupError {
  if (errno === constants.errno.ENOENT)
    return notFound(command, 'the file or the interpreter in its first line does not exist');
  return notExecutable(command, errnoName(errno));
}
