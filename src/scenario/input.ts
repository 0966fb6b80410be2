import { dirname } from 'node:path';
import type { Names } from '../experiment/plan.ts';
import { normaliseSpec } from '../request/normalise.ts';
import type { PlanInput } from '../request/run-input.ts';
import { type Enforce, HOST } from '../request/run-spec.ts';
import { AS_WRITTEN, type Placement, type Scenario } from './types.ts';

/** The input of a run of the scenario on a kernel, with placeholders not yet replaced. */
export function inputFor(
  { settings, steps, on, file, setUp, cleanUp }: Scenario,
  kernel: string,
  { given, defaults } = AS_WRITTEN,
): PlanInput {
  return {
    ...defaults,
    ...settings,
    ...(Object.hasOwn(on, kernel) ? on[kernel] : {}),
    ...given,
    // A group on this machine does not exist in a microVM.
    ...(kernel === HOST ? { vmMemory: undefined, vmCpus: undefined } : { kernel, parent: undefined }),
    cwd: settings.cwd ?? '${dir}',
    plan: steps,
    template: { here: dirname(file), setUp, cleanUp },
  };
}

type Asked = Readonly<{ parent: string | null; enforce: string | null; kernel: string | null }>;

/** Null: not given. @throws SetupError `bad-option`, `conflicting-options`, as normaliseSpec() does. */
export function readPlacement({ parent, enforce, kernel }: Asked, nameOf: Names): Placement {
  const given: Placement = {
    ...(parent === null ? {} : { parent }),
    ...(enforce === null ? {} : { enforce: enforce as Enforce }),
  };
  normaliseSpec({ command: ['true'], ...given, kernel: kernel === HOST ? null : kernel }, { nameOf });
  return given;
}
