/** What happened in the run: enforcement, failures, expectations, what was left over. */

import { z } from 'zod';
import {
  bytes,
  bytesOrNull,
  choice,
  choiceOrNull,
  count,
  countOrNull,
  define,
  flag,
  id,
  ms,
  msOrNull,
  text,
  textOrNull,
} from './definition.ts';
import { exitSchema } from './schema-plan.ts';

const NOT_WATCHED = 'page faults were not watched';
const NO_GATE = 'no gate in this mode';

const vm = z.strictObject({
  kernel: text('Release of the kernel that was booted.'),
  accel: textOrNull('`kvm`, or `tcg` for emulation.', 'it did not come up'),
  bootMs: msOrNull('From the start of QEMU until the runner inside was ready.', 'not measured'),
});

const programs = z.strictObject({
  faults: choiceOrNull(
    ['sigbus', 'kill', 'note'],
    'What happened to page faults over the kmem limit: ended by SIGBUS or SIGKILL, or counted.',
    'they were not watched: there was no gate or no limit, or `notes` says why',
  ),
  faultPages: countOrNull(
    'Pages that page faults took above the limit, before their signal had effect.',
    'pages',
    NOT_WATCHED,
  ),
  faultBytes: bytesOrNull('The same in bytes.', NOT_WATCHED),
  moves: flag('Whether tasks that left the group or entered it were seen; `notes` names them.'),
  lost: count('Events of these programs that were lost, since nobody read them in time.', 'events'),
  missed: count('Times that such a program was not run, since it was running on that CPU already.', 'times'),
});

export const enforcementSchema = define(
  z.strictObject({
    mode: choiceOrNull(
      ['gate', 'native', 'none'],
      "What made the kmem limit bite: kmem-run's gate, the kernel's own limit, or nothing, because that was asked for.",
      'kmem-run failed before a mode was in place; nothing ran',
    ),
    granularity: choiceOrNull(
      ['syscall', 'charge'],
      'What is refused: `syscall`, a whole system call at its entry; `charge`, each charge inside the kernel.',
      'nothing is refused',
    ),
    reserve: bytesOrNull('What the gate keeps free: it denies from `limits.kmem` less this on.', NO_GATE),
    gatedCalls: countOrNull('System calls that the gate saw.', 'calls', NO_GATE),
    reclaims: countOrNull('Times that the gate asked the kernel to reclaim.', 'requests', NO_GATE),
    rcuWaits: define(
      z
        .strictObject({
          count: count('How often.', 'waits'),
          waitedMs: ms('For how long in all; at most about 10 s.'),
        })
        .nullable(),
      'Waits, before a denial, for what ended processes had left to be freed.',
      { whenNull: 'no gate, no limit, or `--rcu-wait off`', whenAbsent: null },
    ),
    interrupted: define(
      z.int().nonnegative().nullable(),
      'Calls that a signal took back before the gate received them, and that were not repaired. They fail with EINTR, unless the handler restarts calls (SA_RESTART) or the caller ended.',
      { unit: 'calls', whenNull: NO_GATE, whenAbsent: null },
    ),
    failuresDropped: countOrNull(
      'Failures that are in `failureCounts` and not in `failures`: the list is capped, and the gate never waits for its reader.',
      'failures',
      'not known',
    ),
    failuresUncounted: countOrNull(
      'Failures that are not in `failureCounts` either, whose table is bounded; `kmem.failcnt` has them.',
      'failures',
      'not known',
    ),
    programs: define(
      programs.nullable(),
      'What programs in the kernel (BPF) watched; they load where the kernel allows it.',
      {
        whenNull: 'nothing ran, or the helper died',
        whenAbsent: null,
      },
    ),
    notes: define(z.array(z.string()), 'What this mode cannot see or did differently, a sentence each.'),
    vm: define(vm.nullable(), 'The microVM in which the command ran.', { whenNull: "it ran on the host's kernel" }),
  }),
  'How and where the kmem limit was enforced. A limit is never silently absent.',
);

const RUNNING_STEP =
  'Index in `steps` of the step that was running. Where several were, under the gate the one that the process belongs to, in `native` mode as far as ' +
  'its parents tell; else the latest, in the foreground first.';

const denial = z.strictObject({
  need: bytes('What such a call charges at least, or, with `table`, what the larger table takes.'),
  reserve: bytes('What the gate keeps free for page faults.'),
  room: bytes(
    'What was left below the limit, with the reserve; less what programs that had just been started still need.',
  ),
  table: flag('The call would have made the table of descriptors grow.'),
});

const fault = z.strictObject({
  address: textOrNull('What was touched, in hexadecimal.', 'this kernel does not tell'),
  bytes: bytes('Size of the page that the kernel took for it.'),
  signal: text('The signal that ended it: that of `--on-fault`, or `SIGKILL` if the task had gone on after that one.'),
});

const failure = z.strictObject({
  atMs: ms('When it happened, from when the command was let go; a denial of its own fork is at 0.'),
  pid: define(z.int().nonnegative().nullable(), 'The process.', {
    whenNull: 'it was gone before it could be looked up',
  }),
  tid: id('The thread; the same as `pid` in the first thread.'),
  comm: textOrNull('Its name (`/proc/PID/comm`).', 'it was gone before its name could be read'),
  exe: textOrNull('The executable that made the call.', 'it was gone, or could not be read'),
  syscall: textOrNull(
    'The system call that failed; of a page fault, the one that it happened in.',
    'a page fault of the program itself, in no system call, or this kernel does not tell which',
  ),
  detail: textOrNull(
    'What it was about: the path of an open or exec, the file behind an mmap, the size asked for.',
    'nothing to add, or it could not be read',
  ),
  usage: bytesOrNull(
    'Kernel memory of the group when the call was denied.',
    "could not be read, or it was the kernel's own limit: then it was at the limit, but for what was asked",
  ),
  errno: textOrNull(
    'Name of the error that the program got, e.g. `ENOMEM`.',
    'the call failed without one: brk keeps the old break, a page fault ends in a signal',
  ),
  step: define(z.int().nonnegative().nullable(), RUNNING_STEP, {
    whenNull: 'between or after the steps',
  }),
  address: textOrNull(
    'Names the call across runs of the same command, for `--fail`.',
    'failures are addressed under `--fail` and `--trace-gate` only, and this one perhaps not even there: nobody could tell where the task came from',
  ),
  injected: flag('It was asked for by `--fail`, and is not the doing of the limit.'),
  denial: define(
    denial.nullable(),
    'Why the gate denied the call: it needs more than what is left beyond the reserve.',
    {
      whenNull: "a page fault, a failure asked for, a call that is always refused, or the kernel's own limit",
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
  'Failed allocations as the program saw them, in order: the first 1,000.',
);

const injection = z.strictObject({
  address: text('The address, as it was given.'),
  mode: choice(
    ['once', 'persistent'],
    'Whether that call alone was to fail, or all later ones of its process too (`+`).',
  ),
  outcome: choice(
    ['injected', 'not-reached', 'diverged'],
    '`injected`; `not-reached`, no call was made at that place; `diverged`, another call than the one named was made there, and was not failed.',
  ),
  denials: count(
    'How many calls failed by it. 0 beside `injected`: the call asked `brk` for the break, or gave memory back, which cannot fail.',
    'calls',
  ),
  seen: textOrNull('The call that was made at that place instead.', 'the outcome is not `diverged`'),
});

export const injectionsSchema = define(
  z.array(injection).nullable(),
  'What became of the failures asked for, in the order of `spec.inject`; empty where none was.',
  { whenNull: 'not known: nothing ran, or the gate died' },
);

const crash = z.strictObject({
  atMs: ms('When its end was seen, from when the command was let go.'),
  pid: id('The process.'),
  comm: textOrNull('Its name.', 'it was gone before its name could be read'),
  signal: text(
    'Name of the signal that it died of: one of `SIGSEGV`, `SIGBUS`, `SIGABRT`, `SIGILL`, `SIGFPE`, `SIGTRAP`, `SIGSYS`.',
  ),
  step: define(z.int().nonnegative().nullable(), RUNNING_STEP, {
    whenNull: 'between or after the steps',
  }),
});

const escaped = z.strictObject({
  atMs: ms('When it left, or when it was first seen outside.'),
  pid: id('The process.'),
  comm: text('Its name.'),
  born: define(z.boolean().nullable(), 'It was started outside (clone3), and did not move.', {
    whenNull: 'not known: it was outside when it was first seen',
  }),
  by: define(z.int().nonnegative().nullable(), 'The process that moved it, which may be itself.', {
    whenNull: 'not known: no program in the kernel saw it, see `enforcement.programs.moves`',
  }),
  to: textOrNull(
    'The group that it was in afterwards, from the root of the hierarchy.',
    'it was gone before that could be read',
  ),
  step: define(z.int().nonnegative().nullable(), RUNNING_STEP, { whenNull: 'between or after the steps' }),
});

export const escapesSchema = define(
  z.array(escaped).nullable(),
  'Processes that left the group: what they allocate elsewhere is neither limited nor counted. The first 100. Where no program in the kernel ' +
    'watches (`enforcement.programs.moves`), kmem-run looks where the processes are when a step begins and ends and every 200 ms: a visit between ' +
    'two looks is invisible.',
  { whenNull: 'nothing ran', whenAbsent: null },
);

export const crashesSchema = define(
  z.array(crash).nullable(),
  'Processes of the group that crashed, also those whose parents say nothing of it: the first 100.',
  { whenNull: 'not watched: that takes `--fail` or `--trace-gate`, and the gate' },
);

const failureCount = z.strictObject({
  comm: textOrNull('Name of the processes.', 'their name could not be read'),
  syscall: textOrNull(
    'The system call; of page faults, the one that they happened in.',
    'page faults in no system call',
  ),
  errno: textOrNull('The error that the program got.', 'none, as of page faults'),
  count: count('How many.', 'failures'),
});

export const failureCountsSchema = define(
  z.array(failureCount),
  'All failures, counted by process name, system call and error. A refused `io_uring_setup` (`EPERM`) is one of them, but ' +
    '`kmem.failcnt` does not count it.',
);

const leftover = z.strictObject({ pid: id('The process.'), comm: text('Its name.') });

export const leftoverSchema = define(
  z.array(leftover),
  'Processes that were still in the group when the run was over. They were ended: under `--wait quiet` by SIGTERM, and ' +
    'SIGKILL after the grace, otherwise by SIGKILL.',
);

const orphan = z.strictObject({
  atMs: ms('When its end was seen, from when the command was let go.'),
  pid: id('The process.'),
  comm: textOrNull('Its name.', 'it was gone before its name could be read'),
  exit: exitSchema('the process'),
});

export const orphansSchema = define(
  z.array(orphan),
  'Processes that had outlived their parent, as daemons do, and exited other than 0 or died of a signal before the run was over: the first 100.',
);

export const endingSchema = define(
  z
    .strictObject({
      rule: choice(
        ['quiet', 'exit', 'empty', 'terminal'],
        'By which rule the run was over: that of `--wait`; `terminal`, a daemon was left to the user until Ctrl-C.',
      ),
      reason: choiceOrNull(
        ['empty', 'quiet', 'limit', 'exit', 'stopped'],
        'Why it was over then: `empty`, no process was left; `quiet`, nothing had happened in the group for `--quiet-for`; `limit`, it was not ' +
          'quiet within `--quiet-limit`, or `--timeout` passed in that time; `exit`, the last step had exited; `stopped`, by Ctrl-C.',
        'kmem-run ended the run before: `terminationReason`',
      ),
      waitedMs: ms('How long that took after the last step, `--hold` included.'),
    })
    .nullable(),
  'How the run was over once its last step had exited.',
  { whenNull: 'it did not come to that' },
);

const expectation = z.strictObject({
  expr: text('The expression, e.g. `kmem.maxUsage<=900K`.'),
  step: define(z.int().nonnegative().nullable(), 'Index in `steps` of the step to which it is relative.', {
    whenNull: 'it is of the whole run',
  }),
  implicit: flag(
    'Added by kmem-run (`exit==0` of each step whose end no explicit one names). There are implicit ones only beside explicit ones.',
  ),
  passed: flag('Whether it holds. Of what could not be read only `==null` holds.'),
  actual: define(z.union([z.number(), z.string(), z.boolean()]).nullable(), 'The value that was compared.', {
    whenNull: 'there was none to compare',
  }),
});

export const expectationsSchema = define(z.array(expectation), 'The expectations and whether they hold.');

export const errorSchema = define(
  z
    .strictObject({
      code: text('Stable name of the error, e.g. `no-listener`.'),
      message: text('The reason, in one line.'),
      hint: text('The remedy, in one line.'),
    })
    .nullable(),
  "kmem-run's own failure; never the program's.",
  { whenNull: 'kmem-run did its work' },
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
  'The verdict, the first that applies: `setup-error`, kmem-run could not do its work; `interrupted` by the user; `timeout`, also for a ' +
    'livelock; `oom`, killed for lack of memory; `expectation`, one does not hold; `signaled`, a step died of a signal; `failed`, a step ' +
    'exited other than 0; `passed`. Where explicit expectations are given, they decide instead of the exits.',
);

export const terminationReasonSchema = choiceOrNull(
  ['walltime', 'interrupted', 'livelock', 'overrun', 'gate-lost', 'vm-lost'],
  'Why kmem-run ended the run: `walltime`, `--timeout` passed; `interrupted` by a signal; `livelock`, it spun at the limit without getting on; ' +
    '`overrun`, usage went on rising above the limit; `gate-lost`, `vm-lost`: the gate or the microVM died, and the result is void. The first cause wins.',
  'the run came to its own end',
);
