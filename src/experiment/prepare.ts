/** `--prepare CMD`: what is done before each run, by sh, outside the run's group. */

import { spawn } from 'node:child_process';
import { SetupError } from '../errors.ts';
import { startable } from '../gate/helper.ts';
import { ownEnvironment } from '../host/own-process.ts';
import { holdsPlaceholder } from '../request/placeholders.ts';
import type { RunSpec } from '../request/run-spec.ts';
import { quote } from '../text/quote.ts';

/**
 * Its output goes to stderr: stdout is the report's. `env`: beside kmem-run's own. Ended with its children by `signal`, and resolves then.
 * @throws SetupError `prepare-failed`
 */
export async function runPreparation(
  command: string,
  cwd: string,
  { signal, env }: Readonly<{ signal: AbortSignal; env: Readonly<Record<string, string>> }>,
): Promise<void> {
  if (signal.aborted) return;
  // A group of its own: so that what it started ends with it.
  const program = startable({ command: ['/bin/sh', '-c', command], cwd, env: { ...ownEnvironment(), ...env } });
  const [file = '', ...args] = program.command;
  const child = spawn(file, args, { cwd: program.cwd, stdio: ['ignore', 2, 2], detached: true, env: program.env });
  const end = (): void => {
    if (child.pid !== undefined) killAll(child.pid);
  };
  signal.addEventListener('abort', end, { once: true });
  try {
    const how = await new Promise<string | null>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('exit', (code, by) => resolve(code === 0 ? null : by === null ? `exit ${code}` : by));
    });
    if (how === null || signal.aborted) return;
    throw new SetupError(
      'prepare-failed',
      `--prepare ${quote(command)} failed before a run: ${how}`,
      'run it by itself with sh -c and mend it; end it with "|| true" if its failure does not matter',
    );
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** The run's own folder, or `otherwise` when that is made only for the run itself. */
export function preparationFolder({ cwd, template }: RunSpec, otherwise: string): string {
  const written = template?.input.cwd;
  return typeof written === 'string' && holdsPlaceholder(written) ? otherwise : cwd;
}

function killAll(group: number): void {
  try {
    process.kill(-group, 'SIGKILL');
  } catch {
    // Gone already.
  }
}
