/** The numbers of the group: its limits, usage and failures, and samples over time. */

import { z } from 'zod';
import { bytes, bytesOrNull, choiceOrNull, count, countOrNull, define, ms, msOrNull, text } from './definition.ts';

const UNREAD = 'could not be read';
const UNSET = 'unlimited, or not requested';
function maxUsage(what: string, onV2: string) {
  return bytesOrNull(
    `Highest usage of ${what} during the run (v1: \`max_usage_in_bytes\`; v2: ${onV2}).`,
    'the value could not be read, or the kernel does not record it',
  );
}

function usage(what: string) {
  return bytesOrNull(`Usage of ${what} at the end of the run, before the group is removed.`, UNREAD);
}

const ancestor = z.strictObject({
  directory: text("Directory of a cgroup above the run's group."),
  controller: text('Controller that the limit belongs to: `memory` or `pids`.'),
  file: text('File that contains the limit, e.g. `memory.limit_in_bytes`.'),
  limit: count('Value of the limit.', 'bytes, or tasks for `pids.max`'),
});

export const limitsSchema = define(
  z.strictObject({
    kmem: bytesOrNull('Kernel-memory limit.', UNSET),
    mem: bytesOrNull('Memory limit.', UNSET),
    memsw: bytesOrNull('Limit on memory and swap combined.', UNSET),
    kmemTcp: bytesOrNull('Soft limit on TCP buffers (cgroup v1): the kernel allows the buffers to exceed it.', UNSET),
    pids: countOrNull('Limit on concurrent processes and threads.', 'tasks', UNSET),
    ancestors: define(
      z.array(ancestor),
      'Limits of the cgroups above the group; they apply to the group as well. Only finite limits are listed.',
    ),
  }),
  'The limits in force from the start, as read back from the kernel. In `gate` mode, `kmem` is the limit that the gate enforced. `steps[].limits` reports limits that a step changed.',
);

export const kmemSchema = define(
  z.strictObject({
    maxUsage: maxUsage('kernel memory', 'the highest reading'),
    maxUsageSource: choiceOrNull(
      ['counter', 'sum', 'gate', 'samples'],
      "Source of `maxUsage`. `counter`: the kernel's own high-water mark, or a module's. Otherwise cgroup v2 has no such mark, and `maxUsage` is the highest reading there: `sum`, the figures of all CPUs, " +
        'added up by a BPF program at each charge; `gate`, read before gated calls, at exits and every 10 ms; `samples`, read every 10 ms, a lower bound.',
      '`maxUsage` is null',
    ),
    usage: usage('kernel memory'),
    failcnt: countOrNull(
      "In `gate` mode, the number of denials. In `native` mode, the kernel's counter, which also counts retries and failures that no call reports.",
      'denials, or failed charges',
      'not counted (`--enforce none`), or could not be read',
    ),
    overshoot: bytesOrNull(
      'How far `maxUsage` exceeded the kmem limit; 0 if it did not. If a step changed the limit, the most by which usage exceeded the limit in force at the ' +
        'time. Usage that was already above a new limit when it was set is not counted.',
      'there was never a kmem limit, or `maxUsage` is null',
    ),
    uncertainty: bytesOrNull(
      'Maximum error of `maxUsage`. 0 for an exact counter and for `sum`. If `maxUsageSource` is `gate`: unflushed per-CPU deltas (0 if they could be flushed) plus the largest rise between two readings.',
      'unknown',
    ),
    parts: define(
      z.record(z.string(), bytes('Usage of one part.')).nullable(),
      'Breakdown of the highest reading (`slab`, `kernel_stack`, `pagetables`, `percpu`, `vmalloc`), if the kernel provides one. The remainder consists of pages, such as the pages of pipes. `sock` (socket buffers) is not part of `kmem`.',
      { unit: 'bytes', whenNull: 'the kernel provides no breakdown (cgroup v1), or a module counts' },
    ),
  }),
  'Kernel memory charged to the group.',
);

export const memSchema = define(
  z.strictObject({
    maxUsage: maxUsage('memory', '`memory.peak`, Linux 5.19'),
    usage: usage('memory'),
    failcnt: countOrNull('Number of times that usage hit the memory limit.', 'charges', UNREAD),
    oomKills: countOrNull("Number of processes of the group that the kernel's OOM killer killed.", 'processes', UNREAD),
    oomKillAtMs: msOrNull(
      'Time of the first OOM kill, from exec, as reported by `memory.events` (cgroup v2).',
      'no process was killed, or the kernel sends no notification (cgroup v1)',
    ),
  }),
  'All memory charged to the group: pages of programs, page cache and kernel memory.',
);

function counterSchema(what: string) {
  return z
    .strictObject({
      maxUsage: maxUsage(what, 'null'),
      usage: usage(what),
      failcnt: countOrNull(`Number of times that usage of ${what} hit its limit.`, 'charges', UNREAD),
    })
    .nullable();
}

export const memswSchema = define(counterSchema('memory and swap'), 'Memory and swap combined.', {
  whenNull: 'the kernel does not account for swap',
});

export const kmemTcpSchema = define(counterSchema('TCP buffers'), 'TCP buffers, which are not part of `kmem`.', {
  whenNull: 'the kernel does not count them separately',
});

export const pidsSchema = define(
  z
    .strictObject({
      max: countOrNull('Highest number of concurrent processes and threads.', 'tasks', UNREAD),
      failcnt: countOrNull('Number of forks that the pids limit refused.', 'forks', UNREAD),
    })
    .nullable(),
  'Processes and threads of the group.',
  { whenNull: 'the group is not in a pids hierarchy' },
);

const sample = z.strictObject({
  atMs: ms('Time of the sample, from exec.'),
  kmem: bytesOrNull('Usage of kernel memory.', UNREAD),
  mem: bytesOrNull('Usage of memory.', UNREAD),
  processes: countOrNull('Number of processes in the group.', 'processes', UNREAD),
  rss: bytesOrNull(
    'Sum of the resident memory of all processes. Shared pages are counted once for each process.',
    'not sampled',
  ),
  cpuPercent: define(z.number().nonnegative().nullable(), 'CPU usage of the processes; 100 is one full CPU.', {
    unit: '%',
    whenNull: 'not sampled',
  }),
});

export const samplesSchema = define(
  z.array(sample),
  'Samples of the group over time, in order. The number of samples is limited: in a long run, kmem-run thins them out but keeps the peaks.',
);
