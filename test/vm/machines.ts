/** MicroVMs for the tests of the host's side: booted here and stopped when the test ends. */

import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { findKernel } from '../../src/kernels/find.ts';
import type { Kernel } from '../../src/kernels/types.ts';
import { type BootOptions, bootMachine, type Machine } from '../../src/vm/machine.ts';
import { runInMachine, type Session, type SessionEnd, type SessionRequest } from '../../src/vm/session.ts';
import { childrenOf, commOf, readOrEmpty } from '../processes.ts';
import { needsKernel } from './needs-kernel.ts';

const NAME = '5.10';
export const MIB = 1024 * 1024;

/** Null if this machine has none; the test is then over. */
export async function kernelFor(t: ExecutionContext): Promise<Kernel | null> {
  t.timeout(600_000);
  return (await needsKernel(t, NAME)) ? findKernel(NAME) : null;
}

export const ordinary: Omit<BootOptions, 'kernel'> = {
  memory: 512 * MIB,
  cpus: 1,
  rw: [],
  prefetch: [],
  serves: false,
  accel: 'tcg',
  // As in the product: what a boot does is the matter of machine.test.ts.
  retries: 2,
};

export async function boot(t: ExecutionContext, kernel: Kernel, more: Partial<BootOptions> = {}): Promise<Machine> {
  const machine = await bootMachine({ ...ordinary, kernel, ...more });
  t.teardown(() => machine.kill());
  return machine;
}

/** Collects what is written to it. */
export function collect() {
  const chunks: Buffer[] = [];
  return {
    write: (chunk: Buffer) => {
      chunks.push(chunk);
      return true;
    },
    text: () => Buffer.concat(chunks).toString(),
  };
}

export type Started = Readonly<{
  session: Session;
  started: Promise<void>;
  stdout: () => string;
  stderr: () => string;
}>;

/** Runs a shell script in the guest; its streams are collected unless specified otherwise. */
export function startScript(machine: Machine, script: string, more: Partial<SessionRequest> = {}): Started {
  const [stdout, stderr] = [collect(), collect()];
  const { promise: started, resolve: onStarted } = Promise.withResolvers<void>();
  const session = runInMachine(machine, {
    guest: {
      cgroup: 'v1',
      hostname: 'guest',
      cwd: '/',
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LANG: 'C.UTF-8' },
      argv: ['/bin/sh', '-c', script],
    },
    stdin: null,
    stdout: stdout.write,
    stderr: stderr.write,
    runner: null,
    onStarted,
    ...more,
  });
  return { session, started, stdout: stdout.text, stderr: stderr.text };
}

export async function runScript(
  machine: Machine,
  script: string,
  more: Partial<SessionRequest> = {},
): Promise<SessionEnd & Readonly<{ stdout: string; stderr: string }>> {
  const { session, stdout, stderr } = startScript(machine, script, more);
  const end = await session.ended;
  return { ...end, stdout: stdout(), stderr: stderr() };
}

export function exited(code: number): SessionEnd {
  return { code, signal: null, lost: null, error: null };
}

/** Whether it is running: a zombie is not. */
export function isAlive(pid: number): boolean {
  const state = /^State:\s+(\S)/m.exec(readOrEmpty(`/proc/${pid}/status`))?.[1];
  return state !== undefined && state !== 'Z' && state !== 'X';
}

/** Running QEMUs that this process, or the given one, has started. */
export function qemus(parent = process.pid): number[] {
  return childrenOf(parent).filter((pid) => commOf(pid).startsWith('qemu') && isAlive(pid));
}

/** A folder of the test's own. */
export function makeFolder(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'kmem-run-vm-'));
  t.teardown(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export async function until(happened: () => boolean, what: string, timeoutMs = 60_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!happened()) {
    if (performance.now() > deadline) throw new Error(`in vain: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

const inMachine = join(import.meta.dirname, 'in-machine.ts');

/** The command line that runs a script in a microVM with the process's streams; see in-machine.ts. */
export function inMachineWords(log: string, script: string): string[] {
  return [process.execPath, inMachine, log, script];
}

export type Ran = Readonly<{
  status: number | null;
  stdout: string;
  stderr: string;
  /** As reported by the session. */
  end: SessionEnd | null;
  /** Of the process that ran it, in bytes. */
  peak: number;
}>;

/** `line`: for a shell on the host, in `folder`; `"$@"` in it runs `script` in a microVM. */
export async function runInLine(t: ExecutionContext, folder: string, line: string, script: string): Promise<Ran> {
  const log = join(folder, 'log');
  const child = spawn('bash', ['-c', line, 'bash', ...inMachineWords(log, script)], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  t.teardown(() => child.kill('SIGKILL'));
  const [stdout, stderr] = [collect(), collect()];
  child.stdout.on('data', stdout.write);
  child.stderr.on('data', stderr.write);
  const status = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const noted = (word: string): string | undefined => new RegExp(`^${word} (.*)$`, 'm').exec(readOrEmpty(log))?.[1];
  return {
    status,
    stdout: stdout.text(),
    stderr: stderr.text(),
    end: JSON.parse(noted('end') ?? 'null') as SessionEnd | null,
    peak: Number(noted('peak') ?? 0) * 1024,
  };
}
