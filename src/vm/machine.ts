/** The microVM: retries the boot until one succeeds, with KVM if that works, and provides what a session needs. */

import type { Duplex } from 'node:stream';
import { SetupError } from '../errors.ts';
import type { Kernel } from '../kernels/types.ts';
import { KVM_DEVICE, kvmMemory } from './accel.ts';
import {
  BootFailure,
  type Booting,
  type BootTimeouts,
  bootOnce,
  type MachineEnd,
  type Ports,
  restoreOnce,
} from './boot.ts';
import { makeInitramfs } from './initramfs.ts';
import { type Accel, findQemu, kernelCommandLine, type MachineShape, shareTag } from './qemu.ts';

export type { MachineEnd, Ports } from './boot.ts';

export type Machine = Readonly<{
  ports: Ports;
  /** Null unless a snapshot is made or restored. */
  monitor: Duplex | null;
  /** QEMU's. */
  pid: number;
  /** The folders of `rw` and the tags by which the guest mounts them. */
  shares: readonly Readonly<{ tag: string; path: string }>[];
  accel: Accel;
  /** From the start of QEMU until the agent was up, in milliseconds. */
  bootMs: number;
  /** How many boots it took, with this accelerator. */
  attempts: number;
  /** The kernel's last lines; empty if it printed nothing. */
  consoleTail: () => string;
  /** Never rejects. */
  ended: Promise<MachineEnd>;
  pause: () => void;
  resume: () => void;
  /** Also releases the ports; must be called in every case. */
  kill: () => Promise<void>;
}>;

export type BootOptions = Readonly<{
  kernel: Kernel;
  /** Bytes of the guest's memory. */
  memory: number;
  cpus: number;
  /** Absolute paths of host folders that are writable in the guest. */
  rw: readonly string[];
  accel: 'auto' | Accel;
  /** Further boots after a failed one. */
  retries: number;
  /** Files that the guest loads into its memory early, such as the program's interpreter. */
  prefetch: readonly string[];
  /** Whether the runner is started in it, for one run after another; absent: not. */
  serves?: boolean;
  /** Aborting it during the boot kills QEMU; afterwards it has no effect. */
  signal?: AbortSignal | undefined;
  /** Progress messages for people. */
  onProgress?: ((text: string) => void) | undefined;
}>;

/** Many times the length of a boot: one that is not up by then never will be. */
const TIMEOUTS: Readonly<Record<Accel | 'trial', BootTimeouts>> = {
  tcg: { silenceMs: 15_000, totalMs: 60_000 },
  kvm: { silenceMs: 10_000, totalMs: 30_000 },
  trial: { silenceMs: 4_000, totalMs: 10_000 },
};

/**
 * Resolves when the agent inside is up. `memoryFd`: as in BootParts.
 * @throws SetupError `no-qemu`, `no-kvm`, `boot-failed`, `guest-failed`, `interrupted`
 */
export async function bootMachine(options: BootOptions, memoryFd?: number): Promise<Machine> {
  const qemu = findQemu(options.kernel.arch);
  return bootImage(options, {
    qemu,
    initramfs: await makeInitramfs(options.kernel),
    timeouts: TIMEOUTS,
    device: KVM_DEVICE,
    memoryFd,
  });
}

/** Whether it would be emulated, as far as is known. @throws SetupError `no-qemu` */
export function isEmulated({ kernel, accel }: Pick<BootOptions, 'kernel' | 'accel'>): boolean {
  if (accel !== 'auto') return accel === 'tcg';
  const { answer } = kvmMemory({ qemu: findQemu(kernel.arch), image: kernel.image, device: KVM_DEVICE });
  return ['absent', 'fails'].includes(answer());
}

/** What a snapshot of such a guest depends on, beside the program that runs in it. @throws SetupError `no-qemu` */
export function identityOf(
  { kernel, memory, cpus, rw }: BootOptions,
  initramfs: string,
): Readonly<{ words: unknown[]; files: string[] }> {
  const parameters = kernelCommandLine({ kernel, prefetch: [], serves: true, accel: 'tcg' });
  return {
    words: [memory, cpus, rw.length, initramfs, parameters],
    files: [findQemu(kernel.arch), kernel.image],
  };
}

/** @throws SetupError; BootFailure: it cannot be restored */
export async function restoreMachine(
  options: BootOptions,
  initramfs: string,
  snapshot: Readonly<{ memoryFd: number; devicesFd: number }>,
): Promise<Machine> {
  const { kernel, memory, cpus, rw, prefetch, serves = false, signal = null, onProgress } = options;
  onProgress?.(`starting Linux ${kernel.version} (emulated, from a snapshot)`);
  const shape: MachineShape = {
    ...{ kernel, initramfs, memory, cpus, rw, prefetch, serves, accel: 'tcg', snapshot: 'restored' },
  };
  const began = performance.now();
  const booting = await restoreOnce(findQemu(kernel.arch), shape, snapshot, signal);
  return machineOf(booting, { accel: 'tcg', attempts: 1, bootMs: performance.now() - began, rw });
}

/** What tests replace. */
export type BootParts = Readonly<{
  qemu: string;
  initramfs: string;
  timeouts: Readonly<Record<Accel | 'trial', BootTimeouts>>;
  /** The device file of KVM. */
  device: string;
  /** The file of its memory, if a snapshot is to be made. */
  memoryFd?: number | undefined;
}>;

export async function bootImage(options: BootOptions, parts: BootParts): Promise<Machine> {
  const memory = kvmMemory({ qemu: parts.qemu, image: options.kernel.image, device: parts.device });
  if (options.accel === 'tcg') return bootWith('tcg', options, parts);
  const answer = memory.answer();
  if (options.accel === 'kvm') {
    if (answer === 'absent') throw noKvm();
    return bootWith('kvm', options, parts);
  }
  if (answer === 'works' || answer === 'unknown') {
    const machine = await tryKvm(options, parts, answer);
    if (answer === 'unknown') memory.remember(machine !== null);
    // KVM worked before, so the next run tries again.
    else if (machine === null) memory.remember(null);
    if (machine !== null) return machine;
  }
  return bootWith('tcg', options, parts);
}

function noKvm(): SetupError {
  return new SetupError(
    'no-kvm',
    '/dev/kvm cannot be opened',
    'join the group kvm if it exists, or allow emulation by not requiring KVM',
  );
}

/** Null if KVM fails now. */
async function tryKvm(options: BootOptions, parts: BootParts, answer: 'works' | 'unknown'): Promise<Machine | null> {
  const timeouts = answer === 'works' ? parts.timeouts.kvm : parts.timeouts.trial;
  try {
    return await attempt('kvm', options, parts, { timeouts, number: 1 });
  } catch (error) {
    if (error instanceof BootFailure) return null;
    throw error;
  }
}

async function bootWith(accel: Accel, options: BootOptions, parts: BootParts): Promise<Machine> {
  let failure: BootFailure | null = null;
  for (let number = 1; number <= options.retries + 1; number += 1) {
    try {
      return await attempt(accel, options, parts, { timeouts: parts.timeouts[accel], number });
    } catch (error) {
      if (!(error instanceof BootFailure)) throw error;
      failure = error;
    }
  }
  throw bootFailed(options, failure);
}

async function attempt(
  accel: Accel,
  options: BootOptions,
  { qemu, initramfs, memoryFd }: BootParts,
  { timeouts, number }: { timeouts: BootTimeouts; number: number },
): Promise<Machine> {
  const { kernel, memory, cpus, rw, prefetch, serves = false, signal, onProgress } = options;
  const again = number === 1 ? '' : `, boot ${number} of ${options.retries + 1}`;
  onProgress?.(`booting Linux ${kernel.version} (${accel === 'kvm' ? 'KVM' : 'emulated'}${again})`);
  const snapshot = memoryFd === undefined ? undefined : 'made';
  const shape: MachineShape = { kernel, initramfs, memory, cpus, rw, prefetch, serves, accel, snapshot };
  const began = performance.now();
  const booting = await bootOnce(qemu, shape, timeouts, { signal: signal ?? null, memoryFd });
  return machineOf(booting, { accel, attempts: number, bootMs: performance.now() - began, rw });
}

type MachineFacts = Pick<Machine, 'accel' | 'attempts' | 'bootMs'> & Pick<BootOptions, 'rw'>;

function machineOf(booting: Booting, { rw, ...facts }: MachineFacts): Machine {
  return {
    ...facts,
    ports: booting.ports,
    monitor: booting.monitor,
    pid: booting.pid,
    ended: booting.ended,
    pause: booting.pause,
    resume: booting.resume,
    kill: booting.kill,
    shares: rw.map((path, index) => ({ tag: shareTag(index), path })),
    consoleTail: booting.console.tail,
  };
}

function bootFailed({ kernel, retries }: BootOptions, failure: BootFailure | null): SetupError {
  const tail = failure?.consoleTail ?? '';
  const lines = tail === '' ? '; its kernel printed nothing' : `; the last lines of its kernel:\n    ${indent(tail)}`;
  const boots = retries === 0 ? '' : ` in ${retries + 1} boots`;
  return new SetupError(
    'boot-failed',
    `the microVM with kernel ${kernel.name} did not come up${boots}: ${failure?.message}${lines}`,
    hintOf(kernel, failure),
    { cause: failure },
  );
}

function indent(text: string): string {
  return text.replaceAll('\n', '\n    ');
}

function hintOf({ name }: Kernel, failure: BootFailure | null): string {
  if (/cannot (set up guest|allocate) memory/i.test(failure?.end?.stderr ?? '')) {
    return 'lower --vm-memory: this machine does not have that much memory';
  }
  if (/out of memory|deadlocked on memory|no killable processes/i.test(failure?.consoleTail ?? '')) {
    return 'give the microVM more memory with --vm-memory';
  }
  return `run the command again; check the kernel with kmem-run kernel verify ${name}, or download it again with kmem-run kernel add ${name}`;
}
