/** The helper's C, compiled for tests: with sanitizers, and with another main. */

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { sourcesIn } from '../fixtures/compile.ts';

export const here = import.meta.dirname;

const SANITIZED = ['-g', '-O1', '-std=gnu11', '-D_GNU_SOURCE', '-pthread', '-fno-sanitize-recover=all'];

/** All of the helper except its main.c. */
export function helperParts(): string[] {
  return [...sourcesIn('helper'), ...sourcesIn('common')].filter((file) => basename(file) !== 'main.c');
}

export function compileSanitized(
  compiler: string,
  sanitizers: string,
  target: string,
  sources: readonly string[],
): void {
  execFileSync(compiler, [
    ...SANITIZED,
    `-fsanitize=${sanitizers}`,
    '-Wall',
    '-Wextra',
    '-Werror',
    `-Wa,-I,${join(here, '../../src/native/bpf')}`,
    '-o',
    target,
    ...sources,
  ]);
}

/** Removed when the test ends. */
export function makeFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-native-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}
