/** The parts of ELF (64 bits, little-endian) that identify a kernel and state a module's requirements. */

export type Note = Readonly<{ owner: string; type: number }>;

export const EM_X86_64 = 62;
export const EM_AARCH64 = 183;

const SHT_NOBITS = 8;
const PT_NOTE = 4;

/** The machine that an ELF file is for; null if it is not such a file. */
export function elfMachine(data: Buffer): number | null {
  const isElf = data.length >= 64 && data.readUInt32BE(0) === 0x7f454c46 && data[4] === 2 && data[5] === 1;
  return isElf ? data.readUInt16LE(18) : null;
}

/** A section's content by its name; null if it is missing. @throws RangeError if the file is truncated. */
export function elfSection(data: Buffer, name: string): Buffer | null {
  const table = Number(data.readBigUInt64LE(40));
  const entryBytes = data.readUInt16LE(58);
  const at = (index: number) => table + index * entryBytes;
  const names = contentAt(data, at(data.readUInt16LE(62)));
  for (let index = 0; index < data.readUInt16LE(60); index++) {
    if (textAt(names, data.readUInt32LE(at(index))) === name) return contentAt(data, at(index));
  }
  return null;
}

/** The notes that a loader can see. @throws RangeError if the file is truncated. */
export function elfNotes(data: Buffer): Note[] {
  const table = Number(data.readBigUInt64LE(32));
  const entryBytes = data.readUInt16LE(54);
  const notes: Note[] = [];
  for (let index = 0; index < data.readUInt16LE(56); index++) {
    const header = table + index * entryBytes;
    const start = Number(data.readBigUInt64LE(header + 8));
    const end = start + Number(data.readBigUInt64LE(header + 32));
    if (end > data.length) throw new RangeError('a segment is cut off');
    if (data.readUInt32LE(header) === PT_NOTE) notes.push(...notesIn(data.subarray(start, end)));
  }
  return notes;
}

function notesIn(data: Buffer): Note[] {
  const notes: Note[] = [];
  for (let at = 0; at + 12 <= data.length; ) {
    const nameBytes = data.readUInt32LE(at);
    const contentBytes = data.readUInt32LE(at + 4);
    notes.push({ owner: textAt(data.subarray(at + 12, at + 12 + nameBytes), 0), type: data.readUInt32LE(at + 8) });
    at += 12 + aligned(nameBytes) + aligned(contentBytes);
  }
  return notes;
}

function aligned(bytes: number): number {
  return (bytes + 3) & ~3;
}

function contentAt(data: Buffer, header: number): Buffer {
  if (data.readUInt32LE(header + 4) === SHT_NOBITS) return Buffer.alloc(0);
  const start = Number(data.readBigUInt64LE(header + 24));
  return data.subarray(start, start + Number(data.readBigUInt64LE(header + 32)));
}

function textAt(data: Buffer, at: number): string {
  const end = data.indexOf(0, at);
  return data.toString('latin1', at, end === -1 ? data.length : end);
}
