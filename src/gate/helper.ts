import { gate } from '../../bin/compile-native.js';
import { findNative } from './native.ts';

/** Put in by bin/build.js, since hashing the source would cost each start 3 ms; absent when the sources run as they are. */
declare const KMEM_GATE_ID: string | undefined;

let found: string | undefined;

/** Absolute path of the native helper, as findNative says. */
export const helperPath = (): string => {
  found ??= findNative(gate, typeof KMEM_GATE_ID === 'string' ? KMEM_GATE_ID : undefined);
  return found;
};

/** In a guest: the host's, which is there by the same path, and may lie where this user's root trusts nothing. */
export const useHelper = (path: string): void => {
  found = path;
};
