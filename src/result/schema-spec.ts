/** The request, as part of the result: enough to run it again. The keys are those of `RunSpec`. */

import { z } from 'zod';
import {
  bytes,
  bytesOrNull,
  choice,
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

import { planSchema } from './schema-plan.ts';

const NOT_ASKED = 'not requested';

const output = z.union([
  z.enum(['inherit', 'null']),
  z.strictObject({ file: text('File that receives both streams.') }),
]);

const vm = z.strictObject({
  memory: bytes('`--vm-memory`: memory of the microVM.'),
  cpus: count('`--vm-cpus`: processors of the microVM.', 'processors'),
  fresh: define(z.boolean(), '`--fresh-vm`: whether the microVM is booted for this run alone.', { whenAbsent: false }),
  rw: define(z.array(z.string()), '`--rw`: folders of the host that the command could write to.'),
});

export const specSchema = define(
  z.strictObject({
    command: define(z.array(z.string()), 'The command and its arguments: step 0.'),
    plan: define(
      planSchema.nullable(),
      'All steps, of any kind, used instead of `command` and `then`. If this key is set, `command` is the command of the first step in the group.',
      {
        whenNull: 'the steps are `command` and `then`',
      },
    ),
    template: define(
      z
        .strictObject({
          input: define(
            z.record(z.string(), z.unknown()),
            'Values as written, by key of the run: `plan`, `cwd`, `env` …',
          ),
          here: textOrNull('Folder that replaces `${here}`.', 'there is none'),
          setUp: define(z.array(z.string()), 'Lines that `sh` runs before the run, in `${dir}`.'),
          cleanUp: define(z.array(z.string()), 'Lines that `sh` runs after the run.'),
        })
        .nullable(),
      'Values with placeholders such as `${dir}` and `${port}`, which each run fills in again. The other keys contain the values of this run.',
      { whenNull: 'there were no placeholders' },
    ),
    then: define(z.array(z.string()), 'Further steps, each a line for `sh -c` in the same group.'),
    limits: define(
      z.strictObject({
        kmem: bytesOrNull('`--kmem`: kernel memory, rounded down to whole pages.', NOT_ASKED),
        mem: bytesOrNull('`--mem`: memory, rounded down to whole pages.', NOT_ASKED),
        memsw: bytesOrNull('`--memsw`: memory and swap combined, rounded down to whole pages.', NOT_ASKED),
        kmemTcp: bytesOrNull('`--kmem-tcp`: TCP buffers, rounded down to whole pages; a soft limit.', NOT_ASKED),
        pids: countOrNull('`--pids`: concurrent processes and threads.', 'tasks', NOT_ASKED),
      }),
      'The requested limits. The top-level `limits` contains the limits that were set and read back.',
    ),
    enforce: choice(
      ['auto', 'gate', 'kernel', 'native', 'none'],
      '`--enforce` as requested; `enforcement.mode` is the mode that was used.',
    ),
    kernel: textOrNull('`--kernel`: the kernel to boot in a microVM.', "the host's kernel"),
    vm: define(vm.nullable(), 'The requested microVM.', { whenNull: 'no kernel was requested' }),
    cgroup: choice(
      ['auto', 'v1', 'v2'],
      '`--cgroup` as requested; `environment.cgroup` reports how cgroups are mounted.',
    ),
    parent: textOrNull('`--parent`: cgroup in which the group was created.', "the runner's own cgroup"),
    reserve: bytesOrNull('`--reserve`: memory that the gate keeps free below the kmem limit.', "the gate's default"),
    errno: choice(
      ['native', 'enomem'],
      '`--errno`: deny with the errno of an enforcing kernel, or always with ENOMEM.',
    ),
    reclaim: flag('`--reclaim`: whether the kernel is asked to reclaim memory before a denial.'),
    rcuWait: define(
      z.boolean(),
      '`--rcu-wait`: whether, before a denial, the gate waits until the memory of exited processes is freed.',
      { whenAbsent: false },
    ),
    profile: define(z.boolean(), '`--profile`: whether the parts of kernel memory are recorded.', {
      whenAbsent: false,
    }),
    allowIoUring: flag('`--allow-io-uring`: whether io_uring is allowed (ungated) instead of being refused.'),
    onOverrun: choice(
      ['note', 'kill'],
      '`--on-overrun`: whether kmem-run only reports the overrun or stops the run, if usage stays above the kmem limit and no call can be denied.',
    ),
    onFault: define(
      z.enum(['sigbus', 'kill', 'note']),
      '`--on-fault`: signal with which a page fault over the kmem limit is refused; `note`: the fault is only counted.',
      { whenAbsent: 'note' },
    ),
    onEscape: define(
      z.enum(['note', 'kill']),
      '`--on-escape`: whether a process that leaves the group is only reported, or also killed.',
      { whenAbsent: 'note' },
    ),
    traceGate: textOrNull('`--trace-gate`: file that received a line for each gated call.', 'none was written'),
    timeoutMs: msOrNull('`--timeout`: time limit for all steps and the hold together.', 'no time limit'),
    graceMs: ms('`--grace`: time between SIGTERM and SIGKILL when the run is stopped.'),
    holdMs: ms('`--hold`: how long the group is kept after the last step.'),
    wait: choice(
      ['quiet', 'exit', 'empty'],
      '`--wait`: rule that decides when the run ends. `quiet`: the last step has exited and the group is empty or quiet; `exit`: the last step has exited; `empty`: ' +
        'the group is empty.',
    ),
    quietForMs: define(
      z.number().nonnegative(),
      '`--quiet-for`: a group is quiet if, for this time, no process started or exited, no call was denied and no new peak was reached.',
      { unit: 'ms', whenAbsent: 500 },
    ),
    quietLimitMs: define(z.number().nonnegative(), '`--quiet-limit`: longest wait for a quiet group.', {
      unit: 'ms',
      whenAbsent: 5000,
    }),
    expect: define(z.array(z.string()), '`--expect`: the explicit expectations, as written.'),
    cpus: define(
      z.array(id('Number of a CPU.')).nullable(),
      '`--cpus`: CPUs to which the gate and the command are bound.',
      {
        whenNull: 'not bound',
      },
    ),
    aslr: flag('`--aslr`: whether address-space randomisation stays enabled.'),
    user: textOrNull('`--user`: user name or UID, as given.', 'the user of the runner'),
    cwd: text('Working directory of every step.'),
    env: define(
      z.record(z.string(), z.string()),
      '`--env`: variables that the user named, with their values. The values of other environment variables are not saved.',
    ),
    clearEnv: flag('`--clear-env`: whether the command receives only the variables in `env`.'),
    output: define(output, '`--output`: destination of the stdout and stderr of every step.'),
    sampleMs: msOrNull('`--sample`: interval between samples.', 'no samples are taken'),
    seed: define(z.int().nullable(), 'Seed of all random choices.', {
      whenNull: 'nothing was random',
    }),
    inject: define(
      z.array(z.string()),
      '`--fail`: addresses of the calls that the gate was to fail, in addition to the calls that fail because of the limit.',
    ),
  }),
  'The normalised request: sufficient to repeat the run.',
);
