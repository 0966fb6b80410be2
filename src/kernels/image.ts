/** Extracts the image that QEMU boots from what a distribution ships. */

import { SetupError } from '../errors.ts';
import { EM_AARCH64, EM_X86_64, elfMachine, elfNotes } from '../host/elf.ts';
import { compressionOf, decompress } from './decompress.ts';
import type { Kernel } from './types.ts';

export type Image = Readonly<{
  data: Buffer;
  arch: Kernel['arch'];
  /** What `uname -r` will print. */
  release: string;
  /** Debian's version without its revision, otherwise the release. */
  version: string;
}>;

/** The architecture of this machine's kernels. @throws SetupError `unknown-machine`. */
export function hostArch(): Kernel['arch'] {
  if (process.arch === 'x64') return 'x86_64';
  if (process.arch === 'arm64') return 'aarch64';
  throw new SetupError(
    'unknown-machine',
    `kernels cannot be booted on ${process.arch}: only x86_64 and aarch64 are supported`,
    'run without --kernel',
  );
}

/**
 * The kernel in an image file: a bzImage, an ELF vmlinux, arm64's Image or its EFI form, each compressed or not. The
 * ELF file inside a bzImage boots three times as fast under emulation, because it skips the decompressor.
 * @throws SetupError `bad-image`, `image-of-another-machine`, `no-direct-boot` and those of decompress().
 */
export async function readImage(file: Buffer, what: string, signal: AbortSignal | undefined): Promise<Image> {
  const data = await unwrap(await decompress(file, what, signal), what, signal);
  const arch = archOf(data);
  if (arch === null) throw badImage(what, 'it is not a Linux kernel that QEMU can boot');
  if (arch !== hostArch()) {
    throw new SetupError(
      'image-of-another-machine',
      `${what} is a kernel for ${arch}, and this machine is ${hostArch()}`,
      `use a kernel for ${hostArch()}`,
    );
  }
  if (arch === 'x86_64' && !bootsDirectly(data, what)) {
    throw new SetupError(
      'no-direct-boot',
      `${what} cannot be booted directly: it was built without CONFIG_PVH`,
      'use a kernel with CONFIG_PVH=y, such as a generic distribution kernel',
    );
  }
  return { data, arch, ...namesIn(data, what) };
}

async function unwrap(data: Buffer, what: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const payload = bzImagePayload(data) ?? zbootPayload(data);
  if (payload === null) return data;
  if (compressionOf(payload) === null) throw badImage(what, 'the compression of its kernel is unknown');
  return decompress(payload, what, signal);
}

const HEADER_MAGIC = 0x202;
const PROTOCOL_VERSION = 0x206;
const SETUP_SECTORS = 0x1f1;
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;
const SECTOR = 512;
/** Since 2.08 (Linux 2.6.26) the header says where the payload is. */
const PAYLOAD_TOLD = 0x0208;

/** Documentation/arch/x86/boot.rst. Null if not a bzImage. */
function bzImagePayload(data: Buffer): Buffer | null {
  if (data.length < PAYLOAD_LENGTH + 4 || data.toString('latin1', HEADER_MAGIC, HEADER_MAGIC + 4) !== 'HdrS')
    return null;
  if (data.readUInt16LE(PROTOCOL_VERSION) < PAYLOAD_TOLD) return null;
  const setup = ((data[SETUP_SECTORS] || 4) + 1) * SECTOR;
  const start = setup + data.readUInt32LE(PAYLOAD_OFFSET);
  return data.subarray(start, start + data.readUInt32LE(PAYLOAD_LENGTH));
}

/** drivers/firmware/efi/libstub/zboot-header.S. Null if not the EFI form of a compressed kernel. */
function zbootPayload(data: Buffer): Buffer | null {
  if (data.length < 64 || data.toString('latin1', 0, 2) !== 'MZ' || data.toString('latin1', 4, 8) !== 'zimg')
    return null;
  const start = data.readUInt32LE(8);
  return data.subarray(start, start + data.readUInt32LE(12));
}

const ARM64_MAGIC = 0x38;

function archOf(data: Buffer): Kernel['arch'] | null {
  const machine = elfMachine(data);
  if (machine === EM_X86_64) return 'x86_64';
  // QEMU boots arm64's Image, not its vmlinux, which differs from an Image by being ELF.
  if (machine === EM_AARCH64) return null;
  return data.length > 64 && data.toString('latin1', ARM64_MAGIC, ARM64_MAGIC + 4) === 'ARMd' ? 'aarch64' : null;
}

const XEN_ELFNOTE_PHYS32_ENTRY = 18;

function bootsDirectly(data: Buffer, what: string): boolean {
  try {
    return elfNotes(data).some(({ owner, type }) => owner === 'Xen' && type === XEN_ELFNOTE_PHYS32_ENTRY);
  } catch (error) {
    if (error instanceof RangeError) throw badImage(what, 'it is cut off');
    throw error;
  }
}

// The banner that the kernel prints first. (Its format string for /proc/version has %s in place of the release.)
const BANNER = /Linux version ([0-9][^\s()]*) \([^\n\0]*/;

function namesIn(data: Buffer, what: string): Pick<Image, 'release' | 'version'> {
  for (let at = data.indexOf('Linux version '); at !== -1; at = data.indexOf('Linux version ', at + 1)) {
    const [banner, release] = BANNER.exec(data.toString('latin1', at, at + 1024)) ?? [];
    if (banner === undefined || release === undefined) continue;
    const debian = / Debian ([0-9][^\s-]*)-\S+ \(/.exec(banner)?.[1];
    return { release, version: debian ?? release };
  }
  throw badImage(what, 'it does not contain its version of Linux');
}

function badImage(what: string, reason: string): SetupError {
  return new SetupError(
    'bad-image',
    `${what} is not a usable kernel: ${reason}`,
    'use the /boot/vmlinuz-RELEASE of a distribution, or the vmlinux of a build (arm64: its Image)',
  );
}
