/** `--prepare CMD`: a command that sh runs before each run, outside the run's group. */

import { SetupError } from '../errors.ts';
import { ownEnvironment } from '../host/own-process.ts';
import { holdsPlaceholder } from '../request/placeholders.ts';
import type { RunSpec } from '../request/run-spec.ts';
import { startOwned } from '../run/owned.ts';
import { quote } from '../text/quote.ts';

/**
 * Its output goes to stderr: stdout is for the report. `env`: added to kmem-run's own. `signal` kills it with its
 * children, and the promise then resolves. Processes that it leaves running end with kmem-run.
 * @throws SetupError `prepare-failed`
 */
export async function runPreparation(
  command: string,
  cwd: string,
  { signal, env }: Readonly<{ signal: AbortSignal; env: Readonly<Record<string, string>> }>,
): Promise<void> {
  if (signal.aborted) return;
  const variables = { ...ownEnvironment(), ...env };
  const shell = ['/bin/sh', '-c', command];
  const line = startOwned({ command: shell, cwd, env: variables, stdout: 2, stderr: 2, identity: null });
  const end = (): void => line.signal('SIGKILL');
  signal.addEventListener('abort', end, { once: true });
  try {
    const { code, signal: by, error } = await line.ended;
    if (signal.aborted) return await line.release();
    if (code === 0) return;
    throw new SetupError(
      'prepare-failed',
      `--prepare ${quote(command)} failed before a run: ${error ?? by ?? `exit ${code}`}`,
      'run the command alone with sh -c and fix it; append "|| true" if its failure does not matter',
    );
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** The run's own folder, or `otherwise` if that folder is created only for the run itself. */
export function preparationFolder({ cwd, template }: RunSpec, otherwise: string): string {
  const written = template?.input.cwd;
  return typeof written === 'string' && holdsPlaceholder(written) ? otherwise : cwd;
}
