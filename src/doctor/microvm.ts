/** What `--kernel` needs: a microVM, and kernels to boot in one. Nothing is booted here: that is what a run tries. */

import { SetupError } from '../errors.ts';
import { listKernels } from '../vm/kernels/list.ts';
import { findQemu } from '../vm/qemu.ts';
import { type Check, type Finding, note, ok, warning } from './check.ts';

export const microvm: Check = {
  name: 'microvm',
  remedy: 'kmem-run kernel add 5.10',
  probe: async () => {
    const qemu = await valueOrReason(() => findQemu(process.arch === 'arm64' ? 'aarch64' : 'x86_64'));
    if (qemu instanceof SetupError) return without(qemu);
    const kernels = await valueOrReason(() => listKernels(false));
    if (kernels instanceof SetupError) return without(kernels);
    if (kernels.length === 0) return note(`${qemu}, and no kernel for --kernel (kmem-run kernel add 5.10)`);
    const damaged = kernels.find(({ mend }) => mend !== null);
    if (damaged !== undefined) return warning(`kernel ${damaged.name} is damaged`, damaged.mend ?? undefined);
    return ok(`${qemu}, kernels ${kernels.map(({ name }) => name).join(', ')}`);
  },
};

/** A run on the host does without. */
function without({ message, hint }: SetupError): Finding {
  return note(`no --kernel: ${message} (${hint})`);
}

async function valueOrReason<T>(give: () => T | Promise<T>): Promise<T | SetupError> {
  try {
    return await give();
  } catch (error) {
    if (error instanceof SetupError) return error;
    throw error;
  }
}
