/** What was asked for, as part of the result: enough to run it again. The keys are those of `RunSpec`. */

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

const NOT_ASKED = 'not asked for';

const output = z.union([z.enum(['inherit', 'null']), z.strictObject({ file: text('The file that takes both.') })]);

const vm = z.strictObject({
  memory: bytes('`--vm-memory`: its memory.'),
  cpus: count('`--vm-cpus`: its processors.', 'processors'),
  rw: define(z.array(z.string()), '`--rw`: folders of the host in which the command could write.'),
});

export const specSchema = define(
  z.strictObject({
    command: define(z.array(z.string()), 'The command and its arguments: step 0.'),
    plan: define(
      planSchema.nullable(),
      'All steps, of any kind, instead of `command` and `then`; `command` is that of the first in the group.',
      {
        whenNull: '`command` and `then` are the steps',
      },
    ),
    template: define(
      z
        .strictObject({
          input: define(
            z.record(z.string(), z.unknown()),
            'As it was written, by the keys of a run: `plan`, `cwd`, `env` …',
          ),
          here: textOrNull('The folder that `${here}` stands for.', 'none'),
          setUp: define(z.array(z.string()), 'Lines for `sh` before the run, in `${dir}`.'),
          cleanUp: define(z.array(z.string()), 'Lines for `sh` after it.'),
        })
        .nullable(),
      'What holds `${dir}`, `${port}` and the like, which each run fills in anew; the other keys have the values of this run.',
      { whenNull: 'there was nothing to fill in' },
    ),
    then: define(z.array(z.string()), 'The further steps, each a line for `sh -c` in the same group.'),
    limits: define(
      z.strictObject({
        kmem: bytesOrNull('`--kmem`: kernel memory, rounded down to the page.', NOT_ASKED),
        mem: bytesOrNull('`--mem`: memory, rounded down to the page.', NOT_ASKED),
        memsw: bytesOrNull('`--memsw`: memory and swap together, rounded down to the page.', NOT_ASKED),
        kmemTcp: bytesOrNull('`--kmem-tcp`: TCP buffers, rounded down to the page; a soft limit.', NOT_ASKED),
        pids: countOrNull('`--pids`: processes and threads at one time.', 'tasks', NOT_ASKED),
      }),
      'The limits asked for. Those that were set and read back are in the top-level `limits`.',
    ),
    enforce: choice(
      ['auto', 'gate', 'native', 'none'],
      '`--enforce` as asked; `enforcement.mode` says what it came to.',
    ),
    kernel: textOrNull('`--kernel`: the kernel to boot in a microVM.', "the host's own kernel"),
    vm: define(vm.nullable(), 'The microVM that was asked for.', { whenNull: 'no kernel was asked for' }),
    cgroup: choice(['auto', 'v1', 'v2'], '`--cgroup` as asked; `environment.cgroup` says what there was.'),
    parent: textOrNull('`--parent`: the cgroup under which the group was made.', "the runner's own cgroup"),
    reserve: bytesOrNull('`--reserve`: what the gate keeps free below the kmem limit.', "the gate's default"),
    errno: choice(
      ['native', 'enomem'],
      '`--errno`: deny with the errno of an enforcing kernel, or always with ENOMEM.',
    ),
    reclaim: flag('`--reclaim`: whether the kernel is asked to reclaim before a denial.'),
    rcuWait: define(
      z.boolean(),
      '`--rcu-wait`: whether the gate waits, before a denial, until what ended processes leave is freed.',
      { whenAbsent: false },
    ),
    allowIoUring: flag('`--allow-io-uring`: whether io_uring is let through, ungated, instead of refused.'),
    onOverrun: choice(
      ['note', 'kill'],
      '`--on-overrun`: whether usage that stays above the kmem limit with no call to deny is noted, or ends the run.',
    ),
    onFault: define(
      z.enum(['sigbus', 'kill', 'note']),
      '`--on-fault`: the signal that ends a page fault over the kmem limit; `note`, it is only counted.',
      { whenAbsent: 'note' },
    ),
    onEscape: define(
      z.enum(['note', 'kill']),
      '`--on-escape`: whether a process that leaves the group is reported, or killed too.',
      { whenAbsent: 'note' },
    ),
    traceGate: textOrNull('`--trace-gate`: the file that got a line about each gated call.', 'none was written'),
    timeoutMs: msOrNull('`--timeout`, for all steps and the hold together.', 'no time limit'),
    graceMs: ms('`--grace`: from SIGTERM to SIGKILL when the run is ended.'),
    holdMs: ms('`--hold`: how long the group is kept after the last step.'),
    wait: choice(
      ['quiet', 'exit', 'empty'],
      '`--wait`: whether the run is over when the last step has exited and the group is empty or quiet, when the last step has exited, or when the ' +
        'group is empty.',
    ),
    quietForMs: define(
      z.number().nonnegative(),
      '`--quiet-for`: for how long no process starts or ends, no call is denied and no new peak is reached in a quiet group.',
      { unit: 'ms', whenAbsent: 500 },
    ),
    quietLimitMs: define(z.number().nonnegative(), '`--quiet-limit`: the longest wait for that.', {
      unit: 'ms',
      whenAbsent: 5000,
    }),
    expect: define(z.array(z.string()), '`--expect`: the explicit expectations, as written.'),
    cpus: define(z.array(id('A CPU.')).nullable(), '`--cpus`: the CPUs that gate and command are bound to.', {
      whenNull: 'not bound',
    }),
    aslr: flag('`--aslr`: whether address-space randomisation is left on.'),
    user: textOrNull('`--user`: name or number, as given.', "the runner's own identity"),
    cwd: text('The working directory of every step.'),
    env: define(
      z.record(z.string(), z.string()),
      '`--env`: the variables that the user named, with their values. No other value of the environment is kept.',
    ),
    clearEnv: flag('`--clear-env`: whether the command sees `env` and nothing else.'),
    output: define(output, '`--output`: where stdout and stderr of every step go.'),
    sampleMs: msOrNull('`--sample`: between one sample and the next.', 'no samples are taken'),
    seed: define(z.int().nullable(), 'Seed of everything that is chosen at random.', {
      whenNull: 'nothing was random',
    }),
    inject: define(
      z.array(z.string()),
      '`--fail`: the calls that the gate was to fail, by address, beside those that the limit makes.',
    ),
  }),
  'What was asked for, normalised: enough to run it again.',
);
