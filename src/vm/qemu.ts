/** QEMU: its path, and the arguments that describe a microVM to it. */

import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { SetupError } from '../errors.ts';
import { findProgram } from '../host/programs.ts';
import type { Kernel } from '../kernels/types.ts';
import { prefetchParameters } from './agent.ts';

export type Accel = 'kvm' | 'tcg';

/** QEMU's descriptors, each one end of a socket pair: there is no named socket file that others could open. */
export const FDS = {
  ...{ console: 3, control: 4, stdin: 5, stdout: 6, stderr: 7, runner: 8 },
  /** Only where a snapshot is made or restored. */
  ...{ monitor: 9, memory: 10, devices: 11 },
} as const;

const PORTS = ['control', 'stdin', 'stdout', 'stderr', 'runner'] as const;

/** One tick is a quarter of a MHz at Debian's HZ of 250. */
const DEBIAN_HZ = 250;
const TRANSLATED_MIB = 128;
const MIB = 1024 * 1024;
/** The machine has 24 virtio transports: one for the ports, two for the root. */
const MAX_SHARES = 20;

const TARGETS = {
  x86_64: { program: 'qemu-system-x86_64', package: 'qemu-system-x86', host: 'x64' },
  aarch64: { program: 'qemu-system-aarch64', package: 'qemu-system-arm', host: 'arm64' },
} as const;

/** Absolute path of the QEMU for guests of this architecture. @throws SetupError `no-qemu`, `wrong-architecture` */
export function findQemu(arch: Kernel['arch']): string {
  const { program, package: name, host } = TARGETS[arch];
  if (process.arch !== host) {
    throw new SetupError(
      'wrong-architecture',
      `this machine's programs cannot run on a kernel for ${arch}`,
      `add a kernel for this machine's architecture (${process.arch}): kmem-run kernel add`,
    );
  }
  const found = findProgram(program);
  if (found !== null) return found;
  throw new SetupError('no-qemu', `${program} is not installed`, `apt-get install ${name}`);
}

export type MachineShape = Readonly<{
  kernel: Kernel;
  /** Path of the cpio. */
  initramfs: string;
  /** Bytes. */
  memory: number;
  cpus: number;
  /** Host folders that are shared writable; their tags are `shareTag(0)` … */
  rw: readonly string[];
  /** Files that the guest copies into its memory early. */
  prefetch: readonly string[];
  /** Whether the runner is started in it, for one run after another; absent: not. */
  serves?: boolean;
  accel: Accel;
  /** Whether a snapshot of it will be made, or one is restored in it; absent: neither. */
  snapshot?: 'made' | 'restored' | undefined;
}>;

export function shareTag(index: number): string {
  return `rw${index}`;
}

/** The arguments of QEMU. @throws SetupError `too-many-shares` */
export function qemuArguments(shape: MachineShape): string[] {
  const { kernel, initramfs, memory, cpus, rw, accel, snapshot } = shape;
  const machine = kernel.arch === 'x86_64' ? `microvm,acpi=${hasModule(kernel) ? 'on' : 'off'},rtc=on` : 'virt';
  if (rw.length > MAX_SHARES) {
    throw new SetupError(
      'too-many-shares',
      `too many shared folders: ${rw.length} (a microVM can share at most ${MAX_SHARES})`,
      'share a folder that contains several of them: --rw',
    );
  }
  return [
    ...['-M', snapshot === undefined ? machine : `${machine},memory-backend=memory`],
    ...(snapshot === undefined ? [] : snapshotArguments(memory, snapshot)),
    ...['-accel', accel === 'kvm' ? 'kvm' : `tcg,thread=multi,tb-size=${TRANSLATED_MIB}`],
    ...['-cpu', cpuModel(kernel.arch, accel), '-smp', String(cpus), '-m', `${Math.floor(memory / MIB)}M`],
    // No defaults: no configuration, no devices, no monitor and no terminal.
    ...['-nodefaults', '-no-user-config', '-nographic', '-no-reboot'],
    ...['-chardev', `socket,id=console,fd=${FDS.console}`, '-serial', 'chardev:console'],
    ...['-device', `${serialDevice(kernel.arch)},max_ports=${PORTS.length + 1}`],
    ...PORTS.flatMap((name) => [
      ...['-chardev', `socket,id=${name},fd=${FDS[name]}`],
      ...['-device', `virtserialport,chardev=${name},name=kmem.${name}`],
    ]),
    // One for the guest itself, and one for each run in turn: a device can be mounted once.
    ...share(kernel.arch, 'root', '/', 'readonly=on'),
    ...share(kernel.arch, 'room', '/', 'readonly=on'),
    ...rw.flatMap((path, index) => share(kernel.arch, shareTag(index), path, 'readonly=off')),
    ...['-kernel', kernel.image, '-initrd', initramfs, '-append', kernelCommandLine(shape)],
  ];
}

/**
 * A kernel that finds its devices by ACPI needs PCI for that; one that has the driver built in, as kernels made for
 * microVMs do, may lack PCI and finds them by its parameters (CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES).
 */
function hasModule({ modules }: Kernel): boolean {
  return modules.some((file) => basename(file).startsWith('virtio_mmio.'));
}

/** A restored guest begins to run when the monitor is told to load the devices. */
function snapshotArguments(memory: number, snapshot: 'made' | 'restored'): string[] {
  const file = `mem-path=/proc/self/fd/${FDS.memory},share=${snapshot === 'made' ? 'on' : 'off'}`;
  return [
    ...['-object', `memory-backend-file,id=memory,size=${Math.floor(memory / MIB)}M,${file}`],
    ...['-chardev', `socket,id=monitor,fd=${FDS.monitor}`, '-mon', 'chardev=monitor,mode=control'],
    ...(snapshot === 'restored' ? ['-incoming', 'defer'] : []),
  ];
}

function serialDevice(arch: Kernel['arch']): string {
  return arch === 'x86_64' ? 'virtio-serial-device' : 'virtio-serial-pci';
}

/** `none`: the guest's root may not do to a file what QEMU may not do as this user. */
function share(arch: Kernel['arch'], tag: string, path: string, access: string): string[] {
  const device = arch === 'x86_64' ? 'virtio-9p-device' : 'virtio-9p-pci';
  // A comma ends a QEMU option; a doubled comma is a literal one.
  const quoted = path.replaceAll(',', ',,');
  return [
    ...['-fsdev', `local,id=${tag},path=${quoted},security_model=none,${access},multidevs=remap`],
    ...['-device', `${device},fsdev=${tag},mount_tag=${tag}`],
  ];
}

/**
 * Under emulation `rep movsb` and `rep stosb` copy byte by byte: without ERMS neither kernel nor C library prefers them.
 */
function cpuModel(arch: Kernel['arch'], accel: Accel): string {
  return arch === 'x86_64' && accel === 'tcg' ? 'max,-erms' : 'max';
}

/**
 * Disables X86_FEATURE_REP_GOOD, which has no bit in cpuid: the kernel then clears and copies pages with plain moves,
 * twenty times as fast.
 */
const WITHOUT_REP = 'clearcpuid=112';

/** The kernel's parameters. `loglevel=7`: its messages distinguish a hang from a slow machine. */
export function kernelCommandLine({
  kernel: { arch },
  accel,
  prefetch,
  serves,
}: Pick<MachineShape, 'kernel' | 'accel' | 'prefetch' | 'serves'>): string {
  return [
    arch === 'x86_64' ? 'console=ttyS0' : 'console=ttyAMA0',
    'loglevel=7',
    // A panic ends QEMU, which does not reboot.
    'panic=-1',
    'swapaccount=1',
    'random.trust_cpu=on',
    // The same page tables under each accelerator, and no boot work that only a long-running machine needs.
    ...['mitigations=off', 'audit=0', 'nowatchdog', 'cryptomgr.notests', 'rodata=off'],
    ...(arch === 'x86_64' && accel === 'tcg' ? [...emulatedTimers(readTscKhz()), WITHOUT_REP] : []),
    ...(serves ? ['kmem.serves=1'] : []),
    ...prefetchParameters(prefetch),
  ].join(' ');
}

/** Calibrating against an emulated timer hangs one boot in ten: the kernel gets the results as parameters instead. */
function emulatedTimers(khz: number | null): string[] {
  const rate = khz === null ? [] : [`tsc_early_khz=${khz}`, `lpj=${Math.round((khz * 1000) / DEBIAN_HZ)}`];
  return [...rate, 'no_timer_check', 'tsc=reliable'];
}

/**
 * kHz, or null if unknown (not x86). An emulated guest reads the host's own counter, and cannot find out the rate
 * reliably: it would have to calibrate against a timer that is emulated too.
 */
export function readTscKhz(files: ClockFiles = machineFiles): number | null {
  return fromSysfs(files.frequency()) ?? fromCpuinfo(files.cpuinfo());
}

export type ClockFiles = Readonly<{ cpuinfo: () => string; frequency: () => string }>;

const machineFiles: ClockFiles = {
  cpuinfo: () => read('/proc/cpuinfo'),
  /** Created by a module that some machines have. */
  frequency: () => read('/sys/devices/system/cpu/cpu0/tsc_freq_khz'),
};

function read(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function fromSysfs(text: string): number | null {
  const khz = Number(text.trim());
  return khz > 0 ? khz : null;
}

/**
 * `bogomips` is twice the rate of the kernel's delay loop, which uses the counter if that is constant: exact to 5 kHz.
 * `cpu MHz` is the current clock rate on most machines, and only the last resort.
 */
function fromCpuinfo(text: string): number | null {
  const flags = /^flags\s*:(.*)$/m.exec(text)?.[1]?.split(/\s+/) ?? [];
  if (!flags.includes('tsc')) return null;
  const number = (name: string): number => Number(new RegExp(`^${name}\\s*: *([0-9.]+)`, 'm').exec(text)?.[1] ?? 0);
  const khz = flags.includes('constant_tsc') ? number('bogomips') * 500 : 0;
  return Math.round(khz || number('cpu MHz') * 1000) || null;
}
