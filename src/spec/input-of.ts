import type { RunInput } from './run-input.ts';
import type { RunSpec } from './run-spec.ts';

/** What normaliseSpec makes the same spec of again: where folders, files and kernels are still there. */
export function inputOf({ limits, vm, timeoutMs, graceMs, holdMs, sampleMs, ...same }: RunSpec): RunInput {
  return {
    ...same,
    ...limits,
    ...(vm === null ? {} : { vmMemory: vm.memory, vmCpus: vm.cpus, rw: vm.rw }),
    timeout: timeoutMs,
    grace: graceMs,
    hold: holdMs,
    sample: sampleMs,
  };
}
