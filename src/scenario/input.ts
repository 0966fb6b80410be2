import { dirname } from 'node:path';
import type { PlanInput } from '../request/run-input.ts';
import { HOST } from '../request/run-spec.ts';
import type { Scenario } from './types.ts';

/** What a run of the scenario on a kernel is asked; placeholders are still in it. */
export function inputFor({ settings, steps, on, file, setUp, cleanUp }: Scenario, kernel: string): PlanInput {
  return {
    ...settings,
    ...(Object.hasOwn(on, kernel) ? on[kernel] : {}),
    ...(kernel === HOST ? { vmMemory: undefined, vmCpus: undefined } : { kernel }),
    cwd: settings.cwd ?? '${dir}',
    plan: steps,
    template: { here: dirname(file), setUp, cleanUp },
  };
}
