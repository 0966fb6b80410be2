/** The command lines to compare, as words, and how they are run. */

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { gatedCalls } from '../src/gate/syscalls.ts';
import { findProgram } from './bench.ts';

export type Words = readonly string[];

const bin = join(import.meta.dirname, '..', 'bin', 'kmem-run.js');

/** Far above what any load here needs: every call is gated and none is denied. */
export const GENEROUS = '1G';

/** Without samples, unless the options request them. */
export function kmemRun(options: Words, command: Words): Words {
  const sampling = options.includes('--sample') ? [] : ['--sample', 'off'];
  return [process.execPath, bin, '--quiet', ...sampling, ...options, '--', ...command];
}

export const gated: Words = ['--enforce', 'gate', '--kmem', GENEROUS];
export const ungated: Words = ['--enforce', 'none'];

/**
 * Strace counts up to this number at most; a load that makes this many calls of one kind in one task would see one
 * fail.
 */
export const STRACE_CALLS = 65_000;

/**
 * The same work done by strace: it inspects each of these calls, and none fails. Without `-e trace=` it would stop at
 * every call, and --seccomp-bpf would save nothing.
 */
export function strace(calls: Words, command: Words): Words | null {
  const program = findProgram('strace');
  if (program === null) return null;
  // A call that this strace does not know is left out (strace(1), -e trace=?…).
  const list = calls.map((name) => `?${name}`).join(',');
  const inject = `inject=${list}:error=ENOMEM:when=65535`;
  return [program, '-f', '--seccomp-bpf', '-e', `trace=${list}`, '-e', inject, '-o', '/dev/null', ...command];
}

/** strace's names for the calls that the gate sees on this architecture. */
export const gatedNames: Words = [
  ...new Set(
    gatedCalls.filter(({ numbers }) => numbers[process.arch === 'arm64' ? 3 : 0] !== null).map(({ name }) => name),
  ),
];

export function onOneCpu(command: Words): Words {
  return [findProgram('taskset') ?? 'taskset', '-c', '0', ...command];
}

const TIMEOUT_MS = 120_000;

/** Runs it to completion and returns its output. @throws Error if it did not exit 0 */
export function output(words: Words, env: Readonly<Record<string, string>> = {}): string {
  const [file = '', ...args] = words;
  const { stdout, stderr, status, signal, error } = spawnSync(file, args, {
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: TIMEOUT_MS,
  });
  if (error !== undefined || status !== 0) {
    throw new Error(`${words.join(' ')}: ${error?.message ?? signal ?? `exit ${status}`}\n${stderr}`);
  }
  return stdout;
}

/** Milliseconds from the start of the process to its exit, measured here. */
export function wallMs(words: Words): number {
  const [file = '', ...args] = words;
  const begin = performance.now();
  const { status, signal, error } = spawnSync(file, args, { stdio: 'ignore', timeout: TIMEOUT_MS });
  const elapsed = performance.now() - begin;
  if (error !== undefined || status !== 0)
    throw new Error(`${words.join(' ')}: ${error?.message ?? signal ?? `exit ${status}`}`);
  return elapsed;
}
