import type { Check } from './check.ts';
import { container } from './container.ts';
import { gate, listener, privileges, wakeUp } from './gate.ts';
import { control, group, lock } from './group.ts';
import { helper } from './helper.ts';
import { leftovers } from './leftovers.ts';
import { memory, native, processes, swapAccounting, tcp } from './limits.ts';
import { hierarchies, kernel, swap } from './machine.ts';
import { microvm } from './microvm.ts';
import { counter, randomisation, start } from './trial.ts';

/** In the order of a run. Leftovers come before the first program is started, since each run collects those beside it. */
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
  swap,
  microvm,
];
