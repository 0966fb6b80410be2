import { readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
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
  const real = files.flatMap(namesOf);
  let room = MAX_PREFETCH_BYTES;
  return [...new Set(real)]
    .map((file) => `kmem.prefetch=${encodePath(file)}`)
    .filter((word) => {
      room -= word.length + 1;
      return room >= 0;
    });
}

/** The dynamic linker by the name that programs have in them. */
const LINKERS: Readonly<Record<string, string>> = {
  x64: '/lib64/ld-linux-x86-64.so.2',
  arm64: '/lib/ld-linux-aarch64.so.1',
};

/** This Node, and the libraries that it is linked with, by the names that the linker looks for. */
export function ownProgramFiles(): string[] {
  const lines = readFileSync('/proc/self/maps', 'utf8').split('\n');
  const mapped = lines.flatMap((line) => /^\S+ r-xp .*? (\/.*)$/.exec(line)?.[1] ?? []);
  const libraries = mapped.map((file) => /^.*\.so\.\d+(?=\.)/.exec(file)?.[0] ?? file);
  // They are mapped at random addresses.
  return [...new Set([process.execPath, LINKERS[process.arch] ?? process.execPath, ...libraries.sort()])];
}

/** The file, and before it the link that leads to it; nothing if there is none. */
function namesOf(file: string): string[] {
  try {
    const named = join(realpathSync(dirname(file)), basename(file));
    return [named, realpathSync(named)];
  } catch {
    return [];
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
