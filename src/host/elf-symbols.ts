/**
 * Names of functions in programs and libraries (ELF, 64 bits, little-endian), by offsets in the file. The measured
 * command may have written such a file: nothing in it is trusted, and neither its size nor its symbols fit memory.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { fsPath } from '../text/bytes.ts';
import { elfMachine } from './elf.ts';

/** Names by offset; an offset without a name is missing. */
export type NamesAt = ReadonlyMap<number, string>;

export type SymbolReader = (file: string, offsets: readonly number[]) => NamesAt;

const NAME_CHARACTERS = 200;
/** Of all files of a reader. The largest browsers have about one million. */
const MOST_SYMBOLS = 16_000_000;
const MOST_SEGMENTS = 256;
/** Names of one function that are compared. */
const MOST_ALIASES = 16;
/** Code in assembly may have symbols without a size. */
const UNSIZED_BYTES = 4096;

const PT_LOAD = 1;
const [SHT_SYMTAB, SHT_DYNSYM] = [2, 11] as const;
const [STT_FUNC, STT_GNU_IFUNC] = [2, 10] as const;
const SYMBOL_BYTES = 24;
const CHUNK_SYMBOLS = 32_768;

/** Files that cannot be read, or are not ELF, have no names. */
export function createSymbolReader(mostSymbols = MOST_SYMBOLS): SymbolReader {
  let left = mostSymbols;
  return (file, offsets) => {
    const opened = openRegular(file);
    if (opened === null) return new Map();
    try {
      const image = readImage(opened);
      if (image === null) return new Map();
      const addresses = addressesOf(image.segments, offsets);
      const sorted = [...new Set(addresses.values())].sort((a, b) => a - b);
      const count = Math.min(left, Math.floor(image.symbols.bytes / SYMBOL_BYTES));
      left -= count;
      const found = findNearest(opened, image.symbols.start, count, sorted);
      return namesAt(opened, image.strings, addresses, found);
    } finally {
      opened.close();
    }
  };
}

type Opened = Readonly<{
  /** Shorter if the file ends before, or cannot be read. */
  read: (start: number, bytes: number) => Buffer;
  close: () => void;
}>;

function openRegular(file: string): Opened | null {
  let fd: number;
  try {
    // Without O_NONBLOCK, opening a FIFO would wait for a writer.
    fd = openSync(fsPath(file), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return null;
  }
  if (!fstatSync(fd).isFile()) {
    closeSync(fd);
    return null;
  }
  return {
    read: (start, bytes) => {
      if (!Number.isSafeInteger(start) || start < 0) return Buffer.alloc(0);
      const buffer = Buffer.alloc(bytes);
      try {
        return buffer.subarray(0, readSync(fd, buffer, 0, bytes, start));
      } catch {
        return Buffer.alloc(0);
      }
    },
    close: () => closeSync(fd),
  };
}

type Range = Readonly<{ start: number; bytes: number }>;
type Segment = Readonly<{ offset: number; address: number; bytes: number }>;
type Image = Readonly<{ segments: readonly Segment[]; symbols: Range; strings: Range }>;

function readImage({ read }: Opened): Image | null {
  const header = read(0, 64);
  if (elfMachine(header) === null) return null;
  const segments = readTable(read, header, { at: 32, entryAt: 54, entryBytes: 56, most: MOST_SEGMENTS });
  const sections = readTable(read, header, { at: 40, entryAt: 58, entryBytes: 64, most: 0xffff });
  const ofType = (type: number) => sections.find((entry) => entry.readUInt32LE(4) === type && rangeOf(entry).bytes > 0);
  const symbols = ofType(SHT_SYMTAB) ?? ofType(SHT_DYNSYM);
  const strings = symbols === undefined ? undefined : sections[symbols.readUInt32LE(40)];
  if (symbols === undefined || strings === undefined) return null;
  return {
    segments: segments
      .filter((entry) => entry.readUInt32LE(0) === PT_LOAD)
      .map((entry) => ({ offset: numberAt(entry, 8), address: numberAt(entry, 16), bytes: numberAt(entry, 32) })),
    symbols: rangeOf(symbols),
    strings: rangeOf(strings),
  };
}

type Table = Readonly<{ at: number; entryAt: number; entryBytes: number; most: number }>;

/** The headers of segments or sections; none if they are not of the usual size. */
function readTable(read: Opened['read'], header: Buffer, { at, entryAt, entryBytes, most }: Table): readonly Buffer[] {
  if (header.readUInt16LE(entryAt) !== entryBytes) return [];
  const count = Math.min(most, header.readUInt16LE(entryAt + 2));
  const table = read(numberAt(header, at), count * entryBytes);
  const whole = Math.floor(table.length / entryBytes);
  return Array.from({ length: whole }, (_, index) => table.subarray(index * entryBytes, (index + 1) * entryBytes));
}

function rangeOf(section: Buffer): Range {
  return { start: numberAt(section, 24), bytes: numberAt(section, 32) };
}

/** Imprecise above 2^53, which no real file contains. */
function numberAt(data: Buffer, at: number): number {
  return data.readUInt32LE(at) + data.readUInt32LE(at + 4) * 2 ** 32;
}

function addressesOf(segments: readonly Segment[], offsets: readonly number[]): ReadonlyMap<number, number> {
  return new Map(
    offsets.flatMap((at) => {
      const segment = segments.find(({ offset, bytes }) => at >= offset && at < offset + bytes);
      return segment === undefined ? [] : [[at, at - segment.offset + segment.address] as const];
    }),
  );
}

type Candidate = Readonly<{ size: number; name: number; isLocal: boolean }>;
/** The last function that begins at or before an address, under each of its names. */
type Nearest = Readonly<{ start: number; candidates: readonly Candidate[] }>;

/** By address. Each symbol is looked at once, and belongs to the first address that does not precede it. */
function findNearest(
  { read }: Opened,
  start: number,
  count: number,
  sorted: readonly number[],
): ReadonlyMap<number, Nearest> {
  const slots: ({ start: number; candidates: Candidate[] } | undefined)[] = new Array(sorted.length);
  for (let first = 0; first < count && sorted.length > 0; first += CHUNK_SYMBOLS) {
    const wanted = Math.min(CHUNK_SYMBOLS, count - first) * SYMBOL_BYTES;
    const chunk = read(start + first * SYMBOL_BYTES, wanted);
    for (let at = 0; at + SYMBOL_BYTES <= chunk.length; at += SYMBOL_BYTES) {
      const info = chunk.readUInt8(at + 4);
      const isFunction = (info & 15) === STT_FUNC || (info & 15) === STT_GNU_IFUNC;
      // Section 0: defined elsewhere.
      if (!isFunction || chunk.readUInt16LE(at + 6) === 0) continue;
      const value = numberAt(chunk, at + 8);
      const index = firstAtOrAfter(sorted, value);
      const slot = slots[index];
      if (index === sorted.length || (slot !== undefined && slot.start > value)) continue;
      const candidate = { size: numberAt(chunk, at + 16), name: chunk.readUInt32LE(at), isLocal: info >> 4 === 0 };
      if (slot === undefined || slot.start < value) slots[index] = { start: value, candidates: [candidate] };
      else if (slot.candidates.length < MOST_ALIASES) slot.candidates.push(candidate);
    }
    if (chunk.length < wanted) break;
  }
  const nearest = new Map<number, Nearest>();
  let last: Nearest | undefined;
  for (const [index, address] of sorted.entries()) {
    last = slots[index] ?? last;
    if (last !== undefined) nearest.set(address, last);
  }
  return nearest;
}

function firstAtOrAfter(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function namesAt(
  opened: Opened,
  strings: Range,
  addresses: ReadonlyMap<number, number>,
  found: ReadonlyMap<number, Nearest>,
): NamesAt {
  const known = new Map<number, string>();
  const read = (name: number): string => {
    const text = known.get(name) ?? nameAt(opened, strings, name);
    known.set(name, text);
    return text;
  };
  return new Map(
    [...addresses].flatMap(([offset, address]) => {
      const nearest = found.get(address);
      const behind = address - (nearest?.start ?? 0);
      const containing = (nearest?.candidates ?? []).filter(({ size }) => behind < (size === 0 ? UNSIZED_BYTES : size));
      const names = containing
        .map(({ name, isLocal }) => ({ text: read(name), isLocal }))
        .filter(({ text }) => text !== '');
      const [best] = names.sort(plainestFirst);
      return best === undefined ? [] : [[offset, best.text] as const];
    }),
  );
}

function nameAt({ read }: Opened, { start, bytes }: Range, name: number): string {
  if (name >= bytes) return '';
  // UTF-8 has at most 4 bytes a character.
  const data = read(start + name, Math.min(bytes - name, 4 * NAME_CHARACTERS));
  const end = data.indexOf(0);
  const text = data.toString('utf8', 0, end === -1 ? data.length : end);
  // In .symtab, a name may end in the version of its interface: memcpy@@GLIBC_2.14.
  const [plain = ''] = text.split('@');
  return [...plain].slice(0, NAME_CHARACTERS).join('');
}

type Name = Readonly<{ text: string; isLocal: boolean }>;

/** Of malloc and __libc_malloc, the one that programs call. */
function plainestFirst(a: Name, b: Name): number {
  const underscores = ({ text }: Name): number => /^_*/.exec(text)?.[0].length ?? 0;
  return (
    underscores(a) - underscores(b) ||
    Number(a.isLocal) - Number(b.isLocal) ||
    a.text.length - b.text.length ||
    (a.text < b.text ? -1 : 1)
  );
}
