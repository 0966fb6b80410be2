/** Archives in cpio's "newc" format, which the kernel unpacks as its first root (Documentation/driver-api/early-userspace/buffer-format.rst). */

export type CpioEntry = Readonly<{
  /** Relative to the root, without a leading slash. */
  path: string;
  /** File type and permissions, as in `st_mode`. */
  mode: number;
  /** Contents of a file, target of a symbolic link; absent: empty. */
  data?: Buffer;
  /** Major and minor number of a device. */
  device?: readonly [number, number];
}>;

const MAGIC = '070701';
const TRAILER: CpioEntry = { path: 'TRAILER!!!', mode: 0 };

/** An archive with these entries in this order: a directory comes before what is in it. All belong to root. */
export function makeCpio(entries: readonly CpioEntry[]): Buffer {
  return Buffer.concat([...entries, TRAILER].flatMap(encodeEntry));
}

function encodeEntry({ path, mode, data = Buffer.alloc(0), device = [0, 0] }: CpioEntry, index: number): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  // Inode number, mode, uid, gid, links, mtime, size, device, device it is, name's size, checksum (none in this format).
  const fields = [index + 1, mode, 0, 0, 1, 0, data.length, 0, 0, ...device, name.length, 0];
  const header = Buffer.from(MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join(''));
  return [...padded(Buffer.concat([header, name])), ...padded(data)];
}

/** Header with name, and contents, each end at a multiple of four bytes. */
function padded(part: Buffer): Buffer[] {
  return [part, Buffer.alloc(-part.length & 3)];
}
