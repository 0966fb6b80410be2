/** The agent at work: a machine boots with it, and the test acts as the other side of its ports. */

import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { cutLines } from '../../src/host/lines.ts';
import { findKernel } from '../../src/kernels/find.ts';
import type { Kernel } from '../../src/kernels/types.ts';
import { type Booting, startQemu } from '../../src/vm/boot.ts';
import { makeInitramfs } from '../../src/vm/initramfs.ts';
import { findQemu, type MachineShape, qemuArguments, shareTag } from '../../src/vm/qemu.ts';
import { encodeConfig, type GuestConfig } from '../../src/vm/wire.ts';
import { MIB } from './machines.ts';
import { needsKernel } from './needs-kernel.ts';

const TIMEOUT_MS = 120_000;

export type AgentMessage = Readonly<Record<string, unknown>> & Readonly<{ event: string }>;

export type Guest = Readonly<{
  ports: Booting['ports'];
  ended: Booting['ended'];
  /** The next event of this kind or of `setup-error`; the test checks which. Earlier ones are skipped. */
  next: (kind: string) => Promise<AgentMessage>;
  /** Sends a line to the agent. */
  send: (line: string) => void;
  configure: (config: GuestConfig) => void;
  consoleTail: () => string;
}>;

export type Boot = Readonly<{
  kernel?: string;
  /** Changes the kernel's list of modules. */
  modules?: (files: readonly string[]) => readonly string[];
  rw?: readonly string[];
  prefetch?: readonly string[];
}>;

/** Null if this machine cannot boot it; the test is then over. */
export async function bootGuest(t: ExecutionContext, boot: Boot = {}): Promise<Guest | null> {
  t.timeout(TIMEOUT_MS);
  const name = boot.kernel ?? '5.10';
  if (!(await needsKernel(t, name))) return null;
  const found = await findKernel(name);
  const kernel: Kernel = { ...found, modules: boot.modules?.(found.modules) ?? found.modules };
  const shape: MachineShape = {
    kernel,
    initramfs: await makeInitramfs(kernel),
    memory: 512 * MIB,
    cpus: 1,
    rw: boot.rw ?? [],
    prefetch: boot.prefetch ?? [],
    serves: false,
    accel: 'tcg',
  };
  const qemu = startQemu(findQemu(kernel.arch), qemuArguments(shape));
  t.teardown(() => qemu.kill());
  return guestOf(qemu);
}

function guestOf({ ports, ended, console: { tail } }: Booting): Guest {
  const events: AgentMessage[] = [];
  const waiters = new Set<() => void>();
  const wake = (): void => {
    for (const waiter of waiters) waiter();
  };
  let over = false;
  ports.control.on(
    'data',
    cutLines((line) => {
      events.push(JSON.parse(line));
      wake();
    }),
  );
  void ended.then(() => {
    over = true;
    wake();
  });
  const take = (kind: string): AgentMessage | null => {
    const at = events.findIndex(({ event }) => event === kind || event === 'setup-error');
    return at === -1 ? null : (events.splice(0, at + 1).at(-1) ?? null);
  };
  const next = (kind: string): Promise<AgentMessage> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        const told = take(kind);
        if (told === null && !over) return;
        waiters.delete(look);
        if (told === null) reject(new Error(`QEMU ended before "${kind}":\n${tail()}`));
        else resolve(told);
      };
      waiters.add(look);
      look();
    });
  return {
    ports,
    ended,
    next,
    send: (line) => void ports.control.write(`${line}\n`),
    configure: (config) => void ports.control.write(encodeConfig(config)),
    consoleTail: tail,
  };
}

/** Builds a configuration; anything not given is minimal. */
export function config(argv: readonly string[], more: Partial<GuestConfig> = {}): GuestConfig {
  return {
    cgroup: 'v1',
    time: Date.now(),
    seed: 'f00d',
    runFolders: [],
    hostname: 'guest',
    rw: [],
    streams: { stdin: 'null', stdout: 'pipe', stderr: 'pipe' },
    size: null,
    cwd: '/',
    env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
    argv,
    runner: false,
    serves: false,
    ...more,
  };
}

export function shell(script: string, more: Partial<GuestConfig> = {}): GuestConfig {
  return config(['/bin/sh', '-c', script], more);
}

export function sharesOf(folders: readonly string[]): GuestConfig['rw'] {
  return folders.map((path, index) => ({ tag: shareTag(index), path }));
}

/** Reads a port: everything received so far, and until a pattern or a number of bytes has arrived. */
export function reader(port: NodeJS.ReadableStream) {
  const chunks: Buffer[] = [];
  let length = 0;
  port.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    length += chunk.length;
  });
  const text = (): string => Buffer.concat(chunks).toString();
  const until = async (enough: () => boolean): Promise<void> => {
    while (!enough()) await once(port as never, 'data');
  };
  return {
    bytes: async (count: number): Promise<Buffer> => {
      await until(() => length >= count);
      return Buffer.concat(chunks);
    },
    saying: async (words: RegExp): Promise<string> => {
      await until(() => words.test(text()));
      return text();
    },
  };
}

export type Ran = Readonly<{ stdout: string; stderr: string; end: AgentMessage }>;

/** Boots, runs the program to its end, and returns its output. */
export async function runInGuest(t: ExecutionContext, wanted: GuestConfig, boot: Boot = {}): Promise<Ran | null> {
  const guest = await bootGuest(t, boot);
  return guest === null ? null : finish(guest, wanted);
}

export async function finish(guest: Guest, wanted: GuestConfig): Promise<Ran> {
  const [stdout, stderr] = [reader(guest.ports.stdout), reader(guest.ports.stderr)];
  guest.configure(wanted);
  const end = await guest.next('end');
  if (end.event !== 'end') return { stdout: '', stderr: '', end };
  return {
    stdout: (await stdout.bytes(Number(end.stdout))).toString(),
    stderr: (await stderr.bytes(Number(end.stderr))).toString(),
    end,
  };
}
