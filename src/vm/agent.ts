import { readFileSync, realpathSync } from 'node:fs';
import { agent } from '../../bin/compile-native.js';
import { findNative } from '../gate/find-helper.ts';

/** Defined by bin/build.js; undefined when the sources run directly. */
declare const KMEM_AGENT_ID: string | undefined;

let found: string | undefined;

/** Absolute path of the agent, the first process of a microVM, found by findNative. */
export function agentPath(): string {
  found ??= findNative(agent, typeof KMEM_AGENT_ID === 'string' ? KMEM_AGENT_ID : undefined);
  return found;
}

/** Share of the kernel's command line (2,048 bytes on x86), which also holds other parameters. */
const MAX_PREFETCH_BYTES = 1200;

/**
 * Kernel parameters that name files which the agent copies into the guest's memory before it starts the program; 9p
 * would read them page by page. Files that are missing, cannot be copied or do not fit are left to 9p.
 */
export function prefetchParameters(files: readonly string[]): string[] {
  const real = files.map(realPathOf).filter((file) => file !== null);
  let room = MAX_PREFETCH_BYTES;
  return [...new Set(real)]
    .map((file) => `kmem.prefetch=${encodePath(file)}`)
    .filter((word) => {
      room -= word.length + 1;
      return room >= 0;
    });
}

/** This Node, and the libraries that it is linked with. */
export function ownProgramFiles(): string[] {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  const mapped = lines.flatMap((line) => /^\S+ r-xp .*? (\/.*)$/.exec(line)?.[1] ?? []);
  return [...new Set([process.execPath, ...mapped])];
}

function realPathOf(file: string): string | null {
  try {
    return realpathSync(file);
  } catch {
    return null;
  }
}

/** The kernel splits its command line at spaces and understands quotes. */
function encodePath(path: string): string {
  return [...Buffer.from(path)].map((byte) => (isPlain(byte) ? String.fromCharCode(byte) : escapeByte(byte))).join('');
}

function isPlain(byte: number): boolean {
  return /[A-Za-z0-9/._+@-]/.test(String.fromCharCode(byte));
}

function escapeByte(byte: number): string {
  return `%${byte.toString(16).padStart(2, '0')}`;
}
