/**
 * Keeps BPF programs attached between the runs of this process, since attaching is slow after a detach (the kernel
 * waits until nobody uses what was detached).
 */

import type { Socket } from 'node:net';
import { execa } from '../host/execa.ts';

let isAllowed = false;
let starts = 0;
let end: (() => Promise<void>) | null = null;

/** For our own processes: a program that uses the library would have a child for as long as it lives. */
export function allowKeeper(): void {
  isAllowed = true;
}

/**
 * Starts the keeper in the second run, if it is allowed. It ends with this process at the latest: its stdin is a pipe
 * from here.
 */
export function keepAttached(helper: string): void {
  starts += 1;
  if (!isAllowed || starts !== 2) return;
  const keeper = execa(helper, ['keep'], {
    stdio: ['pipe', 'ignore', 'ignore'],
    reject: false,
    cleanup: false,
    extendEnv: false,
    env: {},
  });
  keeper.nodeChildProcess.unref();
  (keeper.stdin as unknown as Socket).unref();
  keeper.stdin.on('error', () => {});
  end = async () => {
    keeper.nodeChildProcess.ref();
    keeper.kill('SIGKILL');
    await keeper;
  };
}

/** Called at the end of a command, so that no process outlives it even briefly. */
export async function endKeeper(): Promise<void> {
  await end?.();
}
