/** What may spoil a measurement on this machine, a sentence each with its cure. Pure. */

import type { Environment } from './environment.ts';
import type { Result } from './schema.ts';

export type Conditions = Readonly<{
  limits: Pick<Result['limits'], 'mem' | 'memsw'>;
  environment: Pick<Environment, 'swapTotal' | 'aslr'>;
  /** `readThrottleCount()` before and after the run; null where it is not known. */
  throttled: Readonly<{ before: number | null; after: number | null }>;
}>;

export function measurementWarnings(conditions: Conditions): string[] {
  return [swapWarning, aslrWarning, throttleWarning].map((warn) => warn(conditions)).filter((text) => text !== null);
}

function swapWarning({ limits: { mem, memsw }, environment: { swapTotal } }: Conditions) {
  // With memsw = mem nothing of the group can be swapped out.
  if (mem === null || memsw === mem || swapTotal === null || swapTotal === 0) return null;
  return 'swap is on: what exceeds --mem may be swapped out instead of refused; set --memsw to the same size';
}

function aslrWarning({ environment: { aslr } }: Conditions) {
  if (!aslr) return null;
  return 'address-space randomisation is on: page tables, and so kmem.maxUsage, differ from run to run; leave out --aslr to compare runs';
}

function throttleWarning({ throttled: { before, after } }: Conditions) {
  if (before === null || after === null || after <= before) return null;
  return `the processor throttled itself ${after - before} times during the run: durations cannot be compared; let it cool down`;
}
