import type { Check } from './check.ts';
import { gate, listener, privileges, wakeUp } from './gate.ts';
import { control, counter, group, lock, randomisation, start } from './group.ts';
import { leftovers } from './leftovers.ts';
import { memory, native, processes, swapAccounting, tcp } from './limits.ts';
import { container, helper, hierarchies, kernel, microvm, swap } from './machine.ts';
import { exactUsage, kernelEnforcement, moves, pageFaults, refusals } from './programs.ts';

/** In the order of a run. Leftovers come before the first program start, since each run cleans up those beside it. */
export const checks: readonly Check[] = [
  kernel,
  container,
  hierarchies,
  helper,
  leftovers,
  lock,
  group,
  start,
  counter,
  randomisation,
  listener,
  gate,
  wakeUp,
  privileges,
  native,
  memory,
  swapAccounting,
  tcp,
  processes,
  control,
  pageFaults,
  exactUsage,
  moves,
  refusals,
  kernelEnforcement,
  swap,
  microvm,
];
