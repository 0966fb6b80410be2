/** How the limit was enforced. */

import { z } from 'zod';
import {
  bytesOrNull,
  choiceOrNull,
  count,
  countOrNull,
  define,
  flag,
  ms,
  msOrNull,
  text,
  textOrNull,
} from './definition.ts';

const NOT_WATCHED = 'page faults were not watched';
const NO_GATE = 'there is no gate in this mode';

const vm = z.strictObject({
  kernel: text('Release of the kernel that was booted.'),
  accel: textOrNull('`kvm`, or `tcg` for emulation.', 'it did not start'),
  bootMs: msOrNull('Time until the runner inside was ready, after a boot or from a snapshot.', 'not measured'),
  reused: define(z.int().nonnegative(), 'Number of earlier runs in this microVM.', { unit: 'runs', whenAbsent: 0 }),
});

const programs = z.strictObject({
  faults: choiceOrNull(
    ['sigbus', 'kill', 'note'],
    'What happens to page faults over the kmem limit: they are refused with SIGBUS or SIGKILL, or only counted (`note`).',
    'page faults were not watched: there was no gate or no limit, or `notes` says why',
  ),
  faultPages: countOrNull(
    'Pages that page faults allocated above the limit before the resulting signal took effect.',
    'pages',
    NOT_WATCHED,
  ),
  faultBytes: bytesOrNull(
    'Bytes that page faults allocated above the limit before the resulting signal took effect.',
    NOT_WATCHED,
  ),
  moves: flag('Whether tasks that leave or enter the group were watched; `notes` names these tasks.'),
  lost: count('Events of the BPF programs that kmem-run lost because it did not read them in time.', 'events'),
  missed: count(
    'Number of times that a BPF program was skipped because it was already running on the same CPU.',
    'times',
  ),
});

const allocations = z.strictObject({
  objects: count('Objects of slab caches that were refused.', 'allocations'),
  pages: count('Allocations of pages that were refused.', 'allocations'),
  handled: count('System calls that succeeded although an allocation in them was refused.', 'calls'),
  mustNotFail: count('Allocations that must not fail (`__GFP_NOFAIL`); they were made.', 'allocations'),
  atomic: count(
    'Allocations by interrupts and by threads of the kernel, which charge nobody; they were made.',
    'allocations',
  ),
  remote: count('Allocations that are charged to another group; they were made.', 'allocations'),
});

export const enforcementSchema = define(
  z.strictObject({
    mode: choiceOrNull(
      ['gate', 'kernel', 'native', 'none'],
      "What enforced the kmem limit: kmem-run's gate, its BPF programs in the kernel, the kernel's own limit (in a microVM, that of a module if the kernel has none; `notes` says so), or nothing (`--enforce none`).",
      'kmem-run failed before a mode was in place; nothing ran',
    ),
    granularity: choiceOrNull(
      ['syscall', 'object', 'allocation', 'charge'],
      'Unit that is refused: `syscall`, a whole system call at its entry; `object`, files, inodes, sockets and mappings inside the kernel, and whole system calls for other objects; `allocation`, each allocation inside the kernel; `charge`, each charge there.',
      'nothing is refused',
    ),
    reserve: bytesOrNull(
      'Memory that the gate keeps free: it starts to deny at `limits.kmem` minus this value.',
      NO_GATE,
    ),
    gatedCalls: countOrNull('Number of system calls that the gate handled.', 'calls', NO_GATE),
    reclaims: countOrNull('Number of times that the gate asked the kernel to reclaim.', 'requests', NO_GATE),
    rcuWaits: define(
      z
        .strictObject({
          count: count('Number of waits.', 'waits'),
          waitedMs: ms('Total time of the waits; at most about 10 s.'),
        })
        .nullable(),
      'Number of times that the gate waited, before a denial, until the memory of exited processes was freed.',
      { whenNull: 'there was no gate or no limit, or `--rcu-wait off` was given', whenAbsent: null },
    ),
    interrupted: define(
      z.int().nonnegative().nullable(),
      'Calls that a signal interrupted before the gate received them, and that were not repaired. They fail with EINTR, unless the handler restarts calls (SA_RESTART) or the caller has exited.',
      { unit: 'calls', whenNull: NO_GATE, whenAbsent: null },
    ),
    failuresDropped: countOrNull(
      'Failures that are counted in `failureCounts` but missing from `failures`, because the list is capped and the gate never waits for the reader.',
      'failures',
      'unknown',
    ),
    failuresUncounted: countOrNull(
      'Failures that are also missing from `failureCounts`, because the size of this table is limited. `kmem.failcnt` includes them.',
      'failures',
      'unknown',
    ),
    programs: define(
      programs.nullable(),
      'Events that the BPF programs watched, if the kernel allowed these to load.',
      {
        whenNull: 'nothing ran, or the helper died',
        whenAbsent: null,
      },
    ),
    allocations: define(allocations.nullable(), 'Allocations that would have exceeded the limit.', {
      whenNull: 'the mode is not `kernel`, or the helper died',
      whenAbsent: null,
    }),
    notes: define(z.array(z.string()), 'Limitations of this mode and differences in this run, one sentence each.'),
    vm: define(vm.nullable(), 'The microVM in which the command ran.', { whenNull: "it ran on the host's kernel" }),
  }),
  'How and where the kmem limit was enforced. A limit that cannot be enforced is an error.',
);
