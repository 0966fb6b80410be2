/** Runs the comparison in a microVM, with kmem-run itself as root there. */

import { SetupError } from '../../errors.ts';
import { makeFolder, removeFolder } from '../../host/temporary.ts';
import { normaliseSpec } from '../../request/normalise.ts';
import type { RunSpec } from '../../request/run-spec.ts';
import { headline } from '../../result/headline.ts';
import type { Result } from '../../result/schema.ts';
import type { RunnerOptions } from '../../run/options.ts';
import { type InsideRequest, type Measured, readAnswer, writeRequest } from './inside.ts';

export type MachineOptions = Readonly<{
  run: (spec: RunSpec, options: RunnerOptions) => Promise<Result>;
  /** The command that starts kmem-run inside; the folder is appended. */
  inside: readonly string[];
  kernel: string;
  /** As the user gave them; null: the defaults. */
  vmMemory: string | null;
  vmCpus: string | null;
  /** Interim output from inside goes to stdout. */
  live: boolean;
  options: RunnerOptions;
}>;

export type FromMachine = Readonly<{
  /** Null: interrupted. */
  answer: Measured | null;
  /** Of the kernel that was booted. */
  version: string;
}>;

/** @throws SetupError for whatever kept the comparison from being made. */
export async function askMachine(request: InsideRequest, machine: MachineOptions): Promise<FromMachine> {
  const folder = makeFolder(0o700);
  try {
    writeRequest(folder, request);
    const result = await machine.run(specOf(folder, machine), machine.options);
    const version = result.enforcement.vm?.kernel ?? result.environment.kernel;
    if (result.outcome === 'interrupted') return { answer: null, version };
    if (result.outcome !== 'passed') {
      const message = `the comparison in the microVM failed: ${headline(result)}`;
      throw new SetupError(
        'guest-failed',
        message,
        'see the output above, or give the microVM more memory with --vm-memory 2G',
      );
    }
    return { answer: readAnswer(folder), version };
  } finally {
    removeFolder(folder);
  }
}

function specOf(folder: string, { inside, kernel, vmMemory, vmCpus, live }: MachineOptions): RunSpec {
  return normaliseSpec({
    command: [...inside, folder],
    enforce: 'none',
    sample: 'off',
    user: 0,
    kernel,
    vmMemory: vmMemory ?? undefined,
    vmCpus: vmCpus ?? undefined,
    rw: [folder],
    output: live ? 'inherit' : 'null',
  });
}
