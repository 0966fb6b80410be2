/** What happened in the run: failures, expectations, leftover processes. */

import { z } from 'zod';
import {
  bytes,
  bytesOrNull,
  choice,
  choiceOrNull,
  count,
  define,
  flag,
  id,
  ms,
  text,
  textOrNull,
} from './definition.ts';
import { exitSchema } from './schema-plan.ts';

const RUNNING_STEP =
  'Index in `steps` of the step that was running. If several were running: the step that the process belongs to (in `native` mode, if its parents ' +
  'are known), otherwise the latest foreground step, otherwise the latest step.';

const denial = z.strictObject({
  need: bytes('Minimum memory that such a call charges; if `table` is true, the size of the larger table.'),
  reserve: bytes('Memory that the gate keeps free for page faults.'),
  room: bytes('Memory available below the limit, reserve included, minus what recently started programs need.'),
  table: flag('Whether the call would have enlarged the table of descriptors.'),
});

const allocation = z.strictObject({
  bytes: bytes('Size of the allocation, in whole pages; that of a task includes its stack.'),
  kind: choice(['object', 'pages'], '`object`: an object of a slab cache; `pages`: pages.'),
  function: textOrNull(
    'Function of the kernel that allocated. The slab cache is not reported: caches of equal sizes are merged, and their names mislead.',
    'the kernel does not name its functions to BPF programs (before 5.13)',
  ),
  stack: define(
    z.array(z.string()),
    'Functions of the kernel, from `function` to the system call, as far as the first 16 frames show them; empty if `function` is null.',
  ),
});

const fault = z.strictObject({
  address: textOrNull('Address that was accessed, in hexadecimal.', 'this kernel does not report the value'),
  bytes: bytes('Size of the page that the kernel allocated.'),
  signal: text(
    'Signal with which the page fault was refused: the signal set by `--on-fault`, or `SIGKILL` if the task had survived that signal.',
  ),
});

const failure = z.strictObject({
  atMs: ms(
    'Time of the failure, from the start of the command. If the fork that starts the command is denied, the time is 0.',
  ),
  pid: define(z.int().nonnegative().nullable(), 'PID of the process.', {
    whenNull: 'the process exited before it could be looked up',
  }),
  tid: id('ID of the thread; equal to `pid` in the first thread.'),
  comm: textOrNull('Name of the process (`/proc/PID/comm`).', 'the process exited before its name could be read'),
  exe: textOrNull('Executable that made the call.', 'the process exited, or reading its executable failed'),
  syscall: textOrNull(
    'The system call that failed; for a page fault, the system call in which the fault happened.',
    'a page fault outside any system call, or this kernel does not report the call',
  ),
  detail: textOrNull(
    'Object of the call: the path of an open or exec, the file behind an mmap, or the requested size.',
    'the call has no object, or the object could not be read',
  ),
  usage: bytesOrNull(
    'Kernel memory of the group when the call was denied.',
    "the usage could not be read, or the kernel's own limit refused the call. In the latter case, less than the requested amount was available below the limit",
  ),
  errno: textOrNull(
    'Name of the error that the program received, e.g. `ENOMEM`.',
    'the failure has no errno: brk returns the old break, a page fault is refused with a signal, and a call that is `handled` succeeded',
  ),
  step: define(z.int().nonnegative().nullable(), RUNNING_STEP, { whenNull: 'between or after the steps' }),
  address: textOrNull(
    'Address for `--fail`, which identifies the call across runs of the same command.',
    'neither `--fail` nor `--trace-gate` was given, or the origin of the task is unknown',
  ),
  injected: flag('Whether `--fail`, rather than the limit, caused the failure.'),
  handled: flag(
    'Whether the call succeeded all the same: the kernel had another way when an allocation was refused. Such a call is not counted in `failureCounts`.',
  ),
  denial: define(denial.nullable(), 'Why the gate denied the call: it needs more memory than is available.', {
    whenNull: "a page fault, an injected failure, a call that is always refused, or the kernel's own limit",
    whenAbsent: null,
  }),
  allocation: define(
    allocation.nullable(),
    'The last allocation that the kernel refused in the call (`kernel` mode).',
    {
      whenNull: 'another mode, or a page fault',
      whenAbsent: null,
    },
  ),
  fault: define(fault.nullable(), 'The page fault that took the group over its limit.', {
    whenNull: 'a call failed',
    whenAbsent: null,
  }),
});

export const failuresSchema = define(
  z.array(failure),
  'The first 1,000 failed allocations, in order, as the program saw them, and the first 200 calls that succeeded although an allocation was refused (`handled`).',
);

const injection = z.strictObject({
  address: text('The address, as given.'),
  mode: choice(
    ['once', 'persistent'],
    'Whether only the call at this address was to fail, or also all later calls of the same process (`+`).',
  ),
  outcome: choice(
    ['injected', 'not-reached', 'diverged'],
    '`injected`: the call failed as requested; `not-reached`: no call was made at that address; `diverged`: a different call was made there, and kmem-run did not make it fail.',
  ),
  denials: count(
    'Number of calls that `--fail` caused to fail. If it is 0 and the outcome is `injected`, the call was a `brk` that cannot fail: it queried the break or released memory.',
    'calls',
  ),
  seen: textOrNull('The call that was made at that address instead.', 'the outcome is not `diverged`'),
});

export const injectionsSchema = define(
  z.array(injection).nullable(),
  'Outcome of each injected failure, in the order of `spec.inject`; empty if none was requested.',
  { whenNull: 'unknown: nothing ran, or the gate died' },
);

const crash = z.strictObject({
  atMs: ms('Time at which the end of the process was observed, from the start of the command.'),
  pid: id('PID of the process.'),
  comm: textOrNull('Name of the process.', 'the process exited before its name could be read'),
  signal: text(
    'Name of the signal that killed the process: one of `SIGSEGV`, `SIGBUS`, `SIGABRT`, `SIGILL`, `SIGFPE`, `SIGTRAP`, `SIGSYS`.',
  ),
  step: define(z.int().nonnegative().nullable(), RUNNING_STEP, { whenNull: 'between or after the steps' }),
});

const escaped = z.strictObject({
  atMs: ms('Time at which the process left, or was first seen outside.'),
  pid: id('PID of the process.'),
  comm: text('Name of the process.'),
  born: define(z.boolean().nullable(), 'Whether the process was started outside the group (clone3), not moved out.', {
    whenNull: 'unknown: the process was already outside the group when it was first seen',
  }),
  by: define(z.int().nonnegative().nullable(), 'PID of the process that performed the move, possibly the moved one.', {
    whenNull: 'unknown: no BPF program saw the move (`enforcement.programs.moves`)',
  }),
  to: textOrNull(
    'Cgroup of the process after the move, relative to the root of the hierarchy.',
    'the process exited before its cgroup could be read',
  ),
  step: define(z.int().nonnegative().nullable(), RUNNING_STEP, { whenNull: 'between or after the steps' }),
});

export const escapesSchema = define(
  z.array(escaped).nullable(),
  'The first 100 processes that left the group. The allocations of these processes outside the group are neither limited nor counted. If no BPF program watches ' +
    'moves (`enforcement.programs.moves`), kmem-run checks at the start and end of each step and every 200 ms. These checks miss a process that leaves and ' +
    'returns between two of them.',
  { whenNull: 'nothing ran', whenAbsent: null },
);

export const crashesSchema = define(
  z.array(crash).nullable(),
  'The first 100 processes of the group that crashed, including those whose parents did not report the crash.',
  { whenNull: 'not watched: watching requires the gate and `--fail` or `--trace-gate`' },
);

const failureCount = z.strictObject({
  comm: textOrNull('Name of the processes.', 'the name could not be read'),
  syscall: textOrNull(
    'The system call; for page faults, the system call in which they happened.',
    'page faults outside any system call',
  ),
  errno: textOrNull('Name of the error that the program received.', 'the failures have no errno, as with page faults'),
  count: count('Number of failures.', 'failures'),
});

export const failureCountsSchema = define(
  z.array(failureCount),
  'All failures, counted by process name, system call and error. A refused `io_uring_setup` (`EPERM`) is included, but ' +
    '`kmem.failcnt` does not count it.',
);

const leftover = z.strictObject({ pid: id('PID of the process.'), comm: text('Name of the process.') });

export const leftoverSchema = define(
  z.array(leftover),
  'Processes that were still in the group when the run ended. kmem-run stopped them with SIGKILL. With `--wait quiet`, it sent ' +
    'SIGTERM first, and SIGKILL after the grace period.',
);

const orphan = z.strictObject({
  atMs: ms('Time at which the end of the process was observed, from the start of the command.'),
  pid: id('PID of the process.'),
  comm: textOrNull('Name of the process.', 'the process exited before its name could be read'),
  exit: exitSchema('the process'),
});

export const orphansSchema = define(
  z.array(orphan),
  'The first 100 daemons (processes that outlived their parent) that exited with non-zero status or were killed by a signal before the run ended.',
);

export const endingSchema = define(
  z
    .strictObject({
      rule: choice(
        ['quiet', 'exit', 'empty', 'terminal'],
        'Rule that decided when the run ended: the rule set by `--wait`, or `terminal` if a daemon was kept running for the user until Ctrl-C.',
      ),
      reason: choiceOrNull(
        ['empty', 'quiet', 'limit', 'exit', 'stopped'],
        'Why the run ended: `empty`, the group contained no process; `quiet`, nothing had happened in the group for `--quiet-for`; `limit`, the group was not ' +
          'quiet within `--quiet-limit`, or `--timeout` expired during this wait; `exit`, the last step had exited; `stopped`, the user pressed Ctrl-C.',
        'kmem-run stopped the run: see `terminationReason`',
      ),
      waitedMs: ms('Time from the end of the last step to the end of the run, `--hold` included.'),
    })
    .nullable(),
  'When and why the run ended, after its last step had exited.',
  { whenNull: 'the last step was not reached or did not exit' },
);

const expectation = z.strictObject({
  expr: text('The expression, e.g. `kmem.maxUsage<=900K`.'),
  step: define(z.int().nonnegative().nullable(), 'Index in `steps` of the step that the expectation refers to.', {
    whenNull: 'the expectation refers to the whole run',
  }),
  implicit: flag(
    'Whether kmem-run added the expectation `exit==0`, for a step whose exit no explicit expectation names. It does so only if there are explicit expectations.',
  ),
  passed: flag('Whether the expectation holds. A missing value satisfies only `==null`.'),
  actual: define(z.union([z.number(), z.string(), z.boolean()]).nullable(), 'The value that was compared.', {
    whenNull: 'there is no value',
  }),
});

export const expectationsSchema = define(z.array(expectation), 'The expectations, and whether they hold.');

export const errorSchema = define(
  z
    .strictObject({
      code: text('Stable name of the error, e.g. `no-listener`.'),
      message: text('What is wrong, in one line.'),
      hint: text('How to fix the error, in one line.'),
    })
    .nullable(),
  'Error of kmem-run itself, never of the command.',
  { whenNull: 'there was no error' },
);

export const outcomes = [
  'setup-error',
  'interrupted',
  'timeout',
  'oom',
  'expectation',
  'signaled',
  'failed',
  'passed',
] as const;

export const outcomeSchema = choice(
  outcomes,
  'The verdict: the first of these that applies. `setup-error`: kmem-run itself failed; `interrupted`: by the user; `timeout`: `--timeout` expired, or ' +
    'a livelock; `oom`: killed for lack of memory; `expectation`: an expectation does not hold; `signaled`: a signal killed a step; `failed`: a step ' +
    'exited with a status other than 0; `passed`. If there are explicit expectations, the verdict depends on them instead of on the exits of the steps.',
);

export const terminationReasonSchema = choiceOrNull(
  ['walltime', 'interrupted', 'livelock', 'overrun', 'gate-lost', 'vm-lost'],
  'Why kmem-run stopped the run; the first cause wins. `walltime`: `--timeout` expired; `interrupted`: by a signal; `livelock`: it made no progress at the ' +
    'limit; `overrun`: usage kept rising above the limit; `gate-lost`, `vm-lost`: the gate or the microVM died, and the result is void.',
  'kmem-run did not stop the run',
);
