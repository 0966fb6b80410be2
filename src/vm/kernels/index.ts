/** What others use of this folder; adding is loaded when it is done. */
export { findKernel } from './find.ts';
export type { Kernel } from './types.ts';
