import type { ExecutionContext } from 'ava';
import { findProgram } from '../../src/host/programs.ts';
import { findKernel } from '../../src/kernels/find.ts';
import { needs } from '../needs.ts';

/** True if a microVM with this kernel can be booted; otherwise as `needs`. */
export async function needsKernel(t: ExecutionContext, name: string): Promise<boolean> {
  if (!needs(t, findProgram('qemu-system-x86_64') !== null, 'qemu-system-x86')) return false;
  const reason = await findKernel(name).then(
    () => null,
    (error: Error) => error.message,
  );
  return needs(t, reason === null, `kernel ${name} (kmem-run kernel add ${name}): ${reason}`);
}

/** Kernel on which a BPF program may refuse an allocation: `.ci/run` adds it. */
export const ERROR_INJECTION = 'error-injection';
