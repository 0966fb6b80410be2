/** The numbers of the group: limits as set, usage and failures as counted, samples over time. */

import { z } from 'zod';
import { bytes, bytesOrNull, choiceOrNull, count, countOrNull, define, ms, msOrNull, text } from './definition.ts';

const UNREAD = 'could not be read';
const UNSET = 'unlimited, or not asked for';
function maxUsage(what: string, onV2: string) {
  return bytesOrNull(
    `Highest usage of ${what} during the run (v1: \`max_usage_in_bytes\`; v2: ${onV2}).`,
    'could not be read, or the kernel keeps none',
  );
}

function usage(what: string) {
  return bytesOrNull(`Usage of ${what} at the end of the run, before the group is removed.`, UNREAD);
}

const ancestor = z.strictObject({
  directory: text("Directory of a cgroup above the run's group."),
  controller: text('The controller that limits there: `memory` or `pids`.'),
  file: text('The file that holds the limit, e.g. `memory.limit_in_bytes`.'),
  limit: count('The limit found there.', 'bytes, or tasks for `pids.max`'),
});

export const limitsSchema = define(
  z.strictObject({
    kmem: bytesOrNull('Kernel-memory limit.', UNSET),
    mem: bytesOrNull('Memory limit.', UNSET),
    memsw: bytesOrNull('Limit of memory and swap together.', UNSET),
    kmemTcp: bytesOrNull('Limit of TCP buffers (cgroup v1), which the kernel lets them exceed.', UNSET),
    pids: countOrNull('Limit of processes and threads at one time.', 'tasks', UNSET),
    ancestors: define(
      z.array(ancestor),
      'Limits of the cgroups above the group, which hold for it too; unlimited ones are left out.',
    ),
  }),
  'The limits that were in force from the start (`steps[].limits` has those that a step changed), as read back from the kernel (in `gate` mode the kmem limit is the one that the gate held).',
);

export const kmemSchema = define(
  z.strictObject({
    maxUsage: maxUsage('kernel memory', 'the highest reading'),
    maxUsageSource: choiceOrNull(
      ['counter', 'sum', 'gate', 'samples'],
      "Where `maxUsage` comes from: `counter`, the kernel's own high-water mark; on cgroup v2, which keeps none, the highest reading: `sum`, of the figures of all CPUs, by a program in the kernel that looks whenever the group is charged; `gate`, taken " +
        'before gated calls, at exits and every 10 ms; `samples`, taken every 10 ms, a lower bound.',
      '`maxUsage` is null',
    ),
    usage: usage('kernel memory'),
    failcnt: countOrNull(
      "In `gate` mode the denials; in `native` mode the kernel's counter, which also counts retries and failures that no call shows.",
      'denials, or failed charges',
      'not counted (`--enforce none`), or could not be read',
    ),
    overshoot: bytesOrNull(
      'How far `maxUsage` went above the kmem limit; 0 if it stayed below. Where a step changed the limit, the most by which usage went above the limit ' +
        'that was in force at the time; what was there already when the limit was set below it is not counted.',
      'no kmem limit at any time, or no `maxUsage`',
    ),
    uncertainty: bytesOrNull(
      'How far `maxUsage` may be from the truth: 0 for an exact counter and for `sum`; where `maxUsageSource` is `gate`, how late the kernel tells (0 where that can be helped) and the largest rise between two readings.',
      'not known',
    ),
    parts: define(
      z.record(z.string(), bytes('Usage of one part.')).nullable(),
      'What the highest reading was made up of (`slab`, `kernel_stack`, `pagetables`, `percpu`, `vmalloc`), where the kernel splits it; the rest are pages, as those of pipes. `sock`, buffers of sockets, is not part of `kmem`.',
      { unit: 'bytes', whenNull: 'the kernel gives no parts (cgroup v1)' },
    ),
  }),
  'Kernel memory charged to the group.',
);

export const memSchema = define(
  z.strictObject({
    maxUsage: maxUsage('memory', '`memory.peak`, Linux 5.19'),
    usage: usage('memory'),
    failcnt: countOrNull('Times that usage hit the memory limit.', 'charges', UNREAD),
    oomKills: countOrNull("Processes of the group that the kernel's OOM killer killed.", 'processes', UNREAD),
    oomKillAtMs: msOrNull(
      "When the first of them was killed, from exec: the kernel's notice of `memory.events` (cgroup v2).",
      'none was, or the kernel gave no notice (cgroup v1)',
    ),
  }),
  'All memory charged to the group: pages of programs, page cache and kernel memory.',
);

function counterSchema(what: string) {
  return z
    .strictObject({
      maxUsage: maxUsage(what, 'null'),
      usage: usage(what),
      failcnt: countOrNull(`Times that usage of ${what} hit its limit.`, 'charges', UNREAD),
    })
    .nullable();
}

export const memswSchema = define(counterSchema('memory and swap'), 'Memory and swap together.', {
  whenNull: 'the kernel does no swap accounting',
});

export const kmemTcpSchema = define(counterSchema('TCP buffers'), 'TCP buffers, which are not part of `kmem`.', {
  whenNull: 'the kernel does not count them apart',
});

export const pidsSchema = define(
  z
    .strictObject({
      max: countOrNull('Most processes and threads at one time.', 'tasks', UNREAD),
      failcnt: countOrNull('Forks that the pids limit refused.', 'forks', UNREAD),
    })
    .nullable(),
  'Processes and threads of the group.',
  { whenNull: 'the group joined no pids hierarchy' },
);

const sample = z.strictObject({
  atMs: ms('When it was taken, from exec.'),
  kmem: bytesOrNull('Usage of kernel memory.', UNREAD),
  mem: bytesOrNull('Usage of memory.', UNREAD),
  processes: countOrNull('Processes in the group.', 'processes', UNREAD),
  rss: bytesOrNull('Resident memory of the processes, added up: pages that two share count twice.', 'not sampled'),
  cpuPercent: define(z.number().nonnegative().nullable(), 'CPU use of the processes; 100 is one CPU.', {
    unit: '%',
    whenNull: 'not sampled',
  }),
});

export const samplesSchema = define(
  z.array(sample),
  'The group over time, in order. A long run keeps a bounded number: they are thinned out and the peaks are kept.',
);
