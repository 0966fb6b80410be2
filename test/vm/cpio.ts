/** Reads the writer's output according to the format's description, using none of the writer's code. */

export type Unpacked = Readonly<{ path: string; mode: number; data: Buffer; device: readonly [number, number] }>;

/** @throws Error if it is not a complete archive with each part where the format requires it */
export function unpackCpio(archive: Buffer): Unpacked[] {
  const entries: Unpacked[] = [];
  const inodes = new Set<number>();
  for (let at = 0; ; ) {
    const header = archive.toString('latin1', at, at + 110);
    if (!/^070701[0-9a-f]{104}$/.test(header)) throw new Error(`no header at ${at}`);
    const field = (index: number): number => Number.parseInt(header.slice(6 + index * 8, 14 + index * 8), 16);
    const [size, nameSize] = [field(6), field(11)];
    const name = archive.toString('utf8', at + 110, at + 110 + nameSize);
    if (!/^[^\0]+\0$/.test(name)) throw new Error(`a name that does not end: ${JSON.stringify(name)}`);
    const start = align(at + 110 + nameSize);
    if (inodes.has(field(0))) throw new Error('two names of one file');
    inodes.add(field(0));
    at = align(start + size);
    if (at > archive.length) throw new Error('cut off');
    const path = name.slice(0, -1);
    if (path === 'TRAILER!!!') {
      if (at !== archive.length) throw new Error('something behind the trailer');
      return entries;
    }
    if (field(2) !== 0 || field(3) !== 0) throw new Error(`${path} is not root's`);
    entries.push({ path, mode: field(1), data: archive.subarray(start, start + size), device: [field(9), field(10)] });
  }
}

function align(offset: number): number {
  return Math.ceil(offset / 4) * 4;
}
