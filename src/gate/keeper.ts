/**
 * Keeps BPF programs attached between the runs of this process, since attaching and detaching are slow while nothing
 * else is attached to the same function (the kernel waits for all tasks).
 */

import { once } from 'node:events';
import type { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { execa } from '../host/execa.ts';
import { type KernelTrial, readTrial, tryKernel } from './helper.ts';

type Keeper = Readonly<{ stdout: Readable; end: () => Promise<void> }>;

let isAllowed = false;
let starts = 0;
let keeper: Keeper | null = null;
let trial: Promise<KernelTrial> | null = null;
let enforces = false;

/** For our own processes: a program that uses the library would have a child for as long as it lives. */
export function allowKeeper(): void {
  isAllowed = true;
}

/**
 * What BPF programs can refuse inside this kernel, tried once in the life of this process. `keep`: the programs stay
 * attached from then on, if a keeper is allowed.
 */
export function kernelTrial(helper: string, keep: boolean): Promise<KernelTrial> {
  trial ??= keep && isAllowed ? tryAndKeep(helper) : tryKernel(helper);
  return trial;
}

/** Starts the keeper in the second run, if it is allowed. `enforcing`: with the programs that refuse. */
export function keepAttached(helper: string, enforcing: boolean): void {
  starts += 1;
  if (!isAllowed || starts < 2 || (keeper !== null && (enforces || !enforcing))) return;
  const last = keeper;
  start(helper, enforcing);
  void last?.end();
}

/** Called at the end of a command, so that no process outlives it even briefly. */
export async function endKeeper(): Promise<void> {
  await keeper?.end();
}

async function tryAndKeep(helper: string): Promise<KernelTrial> {
  const { stdout } = start(helper, true);
  stdout.setEncoding('utf8');
  const [line] = (await Promise.race([once(stdout, 'data'), once(stdout, 'end')])) as [string?];
  return readTrial(line ?? '');
}

/** It ends with this process at the latest: its stdin is a pipe from here. */
function start(helper: string, enforcing: boolean): Keeper {
  const process = execa(helper, [enforcing ? 'keep-enforcing' : 'keep'], {
    stdio: ['pipe', 'pipe', 'ignore'],
    buffer: false,
    reject: false,
    cleanup: false,
    extendEnv: false,
    env: {},
  });
  process.nodeChildProcess.unref();
  for (const stream of [process.stdin, process.stdout]) (stream as unknown as Socket).unref();
  process.stdin.on('error', () => {});
  enforces = enforcing;
  keeper = {
    stdout: process.stdout,
    end: async () => {
      process.nodeChildProcess.ref();
      process.kill('SIGKILL');
      await process;
    },
  };
  return keeper;
}
