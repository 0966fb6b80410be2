import { readFileSync } from 'node:fs';
import { endianness } from 'node:os';
import { SetupError } from '../errors.ts';

// getauxval(3): the kernel hands AT_PAGESZ to every process, so no `getconf` has to be spawned at launch.
const AT_PAGESZ = 6n;
const AT_CLKTCK = 17n;
/** USER_HZ of every architecture that Node.js runs on. */
const USUAL_TICKS = 100;
const WORD_BYTES = ['arm', 'ia32', 'mips', 'mipsel', 'ppc', 's390'].includes(process.arch) ? 4 : 8;

let known: number | null = null;

/** Bytes in a page of the running kernel. @throws SetupError `no-page-size` if it is unknown. */
export function pageSize(): number {
  known ??= pageSizeFrom(readAuxv()) ?? architecturalPageSize();
  if (known === null) {
    throw new SetupError(
      'no-page-size',
      "the kernel's page size could not be read from /proc/self/auxv",
      'mount /proc, and run kmem-run without restrictions on reading it',
    );
  }
  return known;
}

/** AT_PAGESZ in an auxiliary vector; null if it is missing or not a power of two. */
export function pageSizeFrom(auxv: Buffer | null): number | null {
  const size = valueIn(auxv, AT_PAGESZ);
  if (size === null) return null;
  return size > 0n && size <= 1n << 30n && (size & (size - 1n)) === 0n ? Number(size) : null;
}

/** Clock ticks per second, the unit of times in /proc/PID/stat. */
export function clockTicks(): number {
  return Number(valueIn(readAuxv(), AT_CLKTCK) ?? USUAL_TICKS);
}

/** Null if the vector has no value of that type. It consists of pairs of machine words. */
function valueIn(auxv: Buffer | null, type: bigint): bigint | null {
  if (auxv === null) return null;
  for (let at = 0; at + 2 * WORD_BYTES <= auxv.length; at += 2 * WORD_BYTES)
    if (word(auxv, at) === type) return word(auxv, at + WORD_BYTES);
  return null;
}

function word(from: Buffer, at: number): bigint {
  if (WORD_BYTES === 4) return BigInt(endianness() === 'LE' ? from.readUInt32LE(at) : from.readUInt32BE(at));
  return endianness() === 'LE' ? from.readBigUInt64LE(at) : from.readBigUInt64BE(at);
}

function readAuxv(): Buffer | null {
  try {
    return readFileSync('/proc/self/auxv');
  } catch {
    return null;
  }
}

// x86 has one base page size; elsewhere (arm64, ppc64) it is the kernel's configuration and must be read.
function architecturalPageSize(): number | null {
  return process.arch === 'x64' || process.arch === 'ia32' ? 4096 : null;
}
