import type { RunSpec, Template } from './run-spec.ts';
import type { PlanInput, RunRequest } from './step-input.ts';

/** What normaliseSpec makes the same spec of again: where folders, files and kernels are still there. */
export function inputOf(spec: RunSpec): RunRequest {
  const { limits, vm, timeoutMs, graceMs, holdMs, quietForMs, quietLimitMs, sampleMs, template, ...rest } = spec;
  const { command, then, plan, ...same } = rest;
  return {
    ...same,
    ...limits,
    ...(vm === null ? {} : { vmMemory: vm.memory, vmCpus: vm.cpus, rw: vm.rw }),
    timeout: timeoutMs,
    grace: graceMs,
    hold: holdMs,
    quietFor: quietForMs,
    quietLimit: quietLimitMs,
    sample: sampleMs,
    // The texts as they were written, last: what one run filled in is gone with it.
    ...(template !== null ? writtenIn(template, rest.env) : plan === null ? { command, then } : { plan }),
  } as RunRequest;
}

function writtenIn({ input, ...rest }: Template, env: RunSpec['env']): Partial<PlanInput> {
  return { ...input, env: { ...env, ...(input.env as RunSpec['env'] | undefined) }, template: rest };
}
