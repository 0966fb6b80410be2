/** `--enforce native` in a microVM whose kernel no longer has a limit of its own: by a module built for this kernel. */

import type { Hierarchies } from '../cgroup/types.ts';
import { SetupError } from '../errors.ts';
import { helperPath, loadModule } from '../gate/helper.ts';
import type { NativeModule } from '../kernels/types.ts';
import type { RunSpec } from '../request/run-spec.ts';
import { proveModule, tryNative } from './mode.ts';

/**
 * Loads the module, and tries whether it enforces a limit. False: the run does not ask for a native limit, or the
 * kernel enforces its own.
 * @throws SetupError `native-not-enforced`
 */
export async function useModule(
  spec: Pick<RunSpec, 'enforce' | 'parent'>,
  hierarchies: Hierarchies,
  { path, reason, hint }: NativeModule,
): Promise<boolean> {
  if (spec.enforce !== 'native' || (await tryNative(spec, hierarchies, true)) === 'bites') return false;
  const why = 'this kernel enforces no limit on kernel memory itself';
  if (path === null) throw new SetupError('native-not-enforced', `${why}, and has no module for it: ${reason}`, hint);
  const failed = await loadModule(helperPath(), path);
  if (failed !== null) {
    const message = `${why}, and the module ${path} cannot be loaded (${failed})`;
    throw new SetupError('native-not-enforced', message, 'run kmem-run kernel verify, or use --enforce gate');
  }
  await proveModule(spec, hierarchies);
  return true;
}
