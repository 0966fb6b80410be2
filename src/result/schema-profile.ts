/** What the group's kernel memory consisted of (`--profile`). */

import { z } from 'zod';
import {
  bytes,
  bytesOrNull,
  choice,
  count,
  countOrNull,
  define,
  flag,
  msOrNull,
  text,
  textOrNull,
} from './definition.ts';

function amount(description: string) {
  return define(
    z.strictObject({
      objects: count('Number of objects, or of allocations of pages.', 'objects'),
      bytes: bytes('Bytes charged for them.'),
    }),
    description,
  );
}

const frameSchema = z.strictObject({
  function: textOrNull('Name of the function.', 'the file names no function there, or could not be read'),
  file: textOrNull('Program or library that contains it.', 'a function of the kernel, or memory of no file'),
  offset: bytesOrNull('Offset in that file.', 'a function of the kernel, or memory of no file'),
});

const rowSchema = z.strictObject({
  kind: choice(
    ['object', 'pages', 'stack', 'percpu'],
    '`object`, from a slab cache or kmalloc; `pages`, whole pages; `stack`, the kernel stack of a task; `percpu`, per-CPU memory.',
  ),
  what: text('Name of the row in reports: the use of the memory if it is known, otherwise the allocating function.'),
  allocator: textOrNull('Function of the kernel that allocated it.', 'the kernel did not name it'),
  cache: textOrNull(
    'Slab cache; the kernel merges caches of the same size, so that the name may be that of another kind of object.',
    'not from a named slab cache',
  ),
  size: bytes('Bytes charged for one object.'),
  comm: text('Command name of the process that allocated it.'),
  origin: choice(
    ['call', 'fault', 'other'],
    'Whether a system call or a page fault of the program allocated it; `other`: neither, or unknown.',
  ),
  call: textOrNull('System call that allocated it.', 'not in a system call, or unknown'),
  isCounted: flag(
    'Whether each release of such objects can be seen. False: the kernel may release them without an event, so that the figures at the peak and at the end may be too high.',
  ),
  atPeak: amount('Live when usage was highest.'),
  atEnd: amount('Live at the end of the run, before remaining processes were ended.'),
  total: amount('Allocated during the run.'),
  kernel: define(
    z.array(z.int().nonnegative()),
    'Kernel stack of the first such allocation, from the inside out, as indices into `frames`; empty: not known.',
  ),
  user: define(
    z.array(z.int().nonnegative()),
    "The program's stack, from the inside out, as indices into `frames`; empty: not known.",
  ),
});

export const profileSchema = define(
  z
    .strictObject({
      peak: define(
        z.strictObject({
          atMs: msOrNull('Time of the peak.', 'nothing was allocated'),
          usage: bytesOrNull("The group's counter at that time.", 'nothing was allocated'),
          explained: bytes('Sum of all rows.'),
        }),
        'The moment when usage was highest, as the profiler saw it.',
      ),
      end: define(
        z.strictObject({
          usage: bytesOrNull("The group's counter at the end of the run.", 'could not be read'),
          explained: bytes('Sum of all rows.'),
        }),
        'The end of the run, before remaining processes were ended.',
      ),
      rows: define(z.array(rowSchema), 'The parts, largest at the peak first.'),
      cut: define(
        z.strictObject({
          rows: countOrNull('Number of rows.', 'rows', 'more than the profiler has room for; they were not counted'),
          atPeak: amount('Live when usage was highest.'),
          atEnd: amount('Live at the end of the run.'),
          total: amount('Allocated during the run.'),
        }),
        'Rows that are not listed because there were too many.',
      ),
      frames: define(z.array(frameSchema), 'Functions that occur in stacks.'),
      untracked: count(
        'Allocations whose release could not be tracked because there were too many objects.',
        'objects',
      ),
      missed: count('Allocations and releases that the profiler did not see.', 'events'),
    })
    .nullable(),
  "Parts of the group's kernel memory (`--profile`).",
  { whenNull: 'not requested, nothing ran, or the helper ended before it had reported it' },
);
