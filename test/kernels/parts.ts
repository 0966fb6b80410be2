/** Kernels and modules that are never booted: just enough of their formats to identify them. */

import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';

export const arch = process.arch === 'arm64' ? 'arm64' : 'amd64';

export type MadeKernel = Readonly<{
  release: string;
  /** Debian's version, with its revision. */
  version: string;
  /** Trailing bytes that make the image as large as a test needs; data that does not compress. */
  padding?: Buffer;
  pvh?: boolean;
}>;

/** `Linux version 5.10.0-1-amd64 (…) #1 SMP Debian 5.10.1-1 (2026-01-01)`, next to the format of /proc/version. */
function banner({ release, version }: MadeKernel): Buffer {
  const format = 'Linux version %s (someone@somewhere) (gcc) %s\n\0';
  return Buffer.from(
    `${format}Linux version ${release} (someone@somewhere) (gcc) #1 SMP Debian ${version} (2026-01-01)\n\0`,
  );
}

/** What QEMU boots: an ELF vmlinux that states its entry point without real mode, or arm64's Image. */
export function plainImage(made: MadeKernel): Buffer {
  return arch === 'arm64' ? arm64Image(made) : vmlinux(made);
}

function arm64Image(made: MadeKernel): Buffer {
  const header = Buffer.alloc(64);
  header.write('ARMd', 0x38, 'latin1');
  return Buffer.concat([header, banner(made), made.padding ?? Buffer.alloc(0)]);
}

export function vmlinux(made: MadeKernel, machine = 62): Buffer {
  const type = made.pvh === false ? 6 : 18;
  const note = Buffer.alloc(24);
  note.writeUInt32LE(4, 0);
  note.writeUInt32LE(8, 4);
  note.writeUInt32LE(type, 8);
  note.write('Xen\0', 12, 'latin1');
  const header = elfHeader(machine);
  header.writeBigUInt64LE(64n, 32);
  header.writeUInt16LE(56, 54);
  header.writeUInt16LE(1, 56);
  const segment = Buffer.alloc(56);
  segment.writeUInt32LE(4, 0);
  segment.writeBigUInt64LE(120n, 8);
  segment.writeBigUInt64LE(BigInt(note.length), 32);
  return Buffer.concat([header, segment, note, banner(made), made.padding ?? Buffer.alloc(0)]);
}

/** A module as `modinfo` reads it. */
export function moduleFile(name: string, release: string, depends: readonly string[] = []): Buffer {
  const lines = ['license=GPL', `depends=${depends.join(',')}`, `name=${name}`, `vermagic=${release} SMP mod_unload`];
  const info = Buffer.from(`${lines.join('\0')}\0`);
  const names = Buffer.from('\0.modinfo\0.shstrtab\0');
  const header = elfHeader(62);
  header.writeBigUInt64LE(BigInt(64 + info.length + names.length), 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(3, 60);
  header.writeUInt16LE(2, 62);
  const sections = [sectionHeader(0, 0, 0), sectionHeader(1, 64, info.length)];
  return Buffer.concat([header, info, names, ...sections, sectionHeader(10, 64 + info.length, names.length)]);
}

function elfHeader(machine: number): Buffer {
  const header = Buffer.alloc(64);
  header.writeUInt32BE(0x7f454c46, 0);
  header[4] = 2;
  header[5] = 1;
  header.writeUInt16LE(machine, 18);
  return header;
}

function sectionHeader(name: number, start: number, bytes: number): Buffer {
  const header = Buffer.alloc(64);
  header.writeUInt32LE(name, 0);
  header.writeUInt32LE(1, 4);
  header.writeBigUInt64LE(BigInt(start), 24);
  header.writeBigUInt64LE(BigInt(bytes), 32);
  return header;
}

export const compressors = {
  gz: (data: Buffer) => gzipSync(data),
  zst: (data: Buffer) => zstdCompressSync(data),
  xz: (data: Buffer) => execFileSync('xz', ['--stdout', '--check=crc32', '-1'], { input: data, maxBuffer: 1 << 28 }),
} as const;

export type Compression = keyof typeof compressors;

/** A bzImage around a payload; the kernel's build appends the content's size for all compressions but gzip. */
export function bzImage(content: Buffer, compression: Compression): Buffer {
  const size = Buffer.alloc(4);
  size.writeUInt32LE(content.length);
  const compressed = compressors[compression](content);
  return wrapped(compression === 'gz' ? compressed : Buffer.concat([compressed, size]));
}

export function wrapped(payload: Buffer): Buffer {
  const sectors = 3;
  const gap = 64;
  const setup = Buffer.alloc((sectors + 1) * 512);
  setup[0x1f1] = sectors;
  setup.write('HdrS', 0x202, 'latin1');
  setup.writeUInt16LE(0x020f, 0x206);
  setup.writeUInt32LE(gap, 0x248);
  setup.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([setup, Buffer.alloc(gap), payload, Buffer.from('what follows the payload')]);
}

/** The image as distributions ship it. */
export function shippedImage(made: MadeKernel, compression: Compression = 'xz'): Buffer {
  return arch === 'arm64' ? compressors.gz(plainImage(made)) : bzImage(plainImage(made), compression);
}

/** As in Debian 12: each name with its dependencies. */
export const debian12: Readonly<Record<string, readonly string[]>> = {
  virtio_ring: [],
  virtio: ['virtio_ring'],
  virtio_mmio: ['virtio', 'virtio_ring'],
  netfs: [],
  fscache: ['netfs'],
  '9pnet': [],
  '9pnet_virtio': ['virtio', '9pnet', 'virtio_ring'],
  '9p': ['9pnet', 'fscache', 'netfs'],
  overlay: [],
  virtio_console: ['virtio', 'virtio_ring'],
};

export type Tree = Readonly<{
  made: MadeKernel;
  modules: Readonly<Record<string, readonly string[]>>;
  builtin?: readonly string[];
  compression?: Compression | undefined;
  /** Where /lib is: `usr/lib` since Debian 13. */
  lib?: string;
}>;

/** Files as in a kernel's package, below `root`. Returns the paths of the image and of the modules. */
export function writeTree(
  root: string,
  { made, modules, builtin = [], compression, lib = 'lib' }: Tree,
): { image: string; modules: string } {
  const image = write(join(root, 'boot', `vmlinuz-${made.release}`), shippedImage(made));
  const folder = join(root, lib, 'modules', made.release);
  for (const [name, depends] of Object.entries(modules)) {
    const data = moduleFile(name, made.release, depends);
    const [suffix, content] =
      compression === undefined ? ['', data] : [`.${compression}`, compressors[compression](data)];
    write(join(folder, 'kernel', name.slice(0, 2), `${name}.ko${suffix}`), content);
  }
  write(join(folder, 'modules.builtin'), builtin.map((name) => `kernel/drivers/${name}.ko\n`).join(''));
  write(join(folder, 'kernel', 'unrelated.ko'), moduleFile('unrelated', made.release));
  return { image, modules: folder };
}

/** A package of such files. Returns its path. */
export function writeDeb(folder: string, tree: Tree, name = `linux-image-${tree.made.release}`): string {
  const root = join(folder, `${name}-root`);
  writeTree(root, tree);
  return packDeb(folder, root, name, tree.made.version, []);
}

export function packDeb(
  folder: string,
  root: string,
  name: string,
  version: string,
  fields: readonly string[],
): string {
  const control = [
    `Package: ${name}`,
    `Version: ${version}`,
    `Architecture: ${arch}`,
    'Maintainer: Nobody <nobody@localhost>',
  ];
  write(join(root, 'DEBIAN', 'control'), `${[...control, ...fields, 'Description: a test'].join('\n')}\n`);
  const file = join(folder, `${name}_${version}_${arch}.deb`);
  // The same files make the same package.
  const env = { ...process.env, SOURCE_DATE_EPOCH: '0' };
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '-z1', '--build', root, file], { stdio: 'pipe', env });
  return file;
}

export function write(file: string, data: Buffer | string): string {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, data);
  return file;
}
