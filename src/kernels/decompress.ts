/** The compression formats of kernels and modules. */

import { promisify } from 'node:util';
import { gunzip, zstdDecompress } from 'node:zlib';
import { SetupError } from '../errors.ts';
import { reasonIn, runTool } from './tools.ts';

type Decompress = (data: Buffer, signal: AbortSignal | undefined) => Promise<Buffer>;

const magics: readonly Readonly<{ name: string; magic: readonly number[]; decompress: Decompress | null }>[] = [
  { name: 'xz', magic: [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0], decompress: unxz },
  { name: 'gzip', magic: [0x1f, 0x8b], decompress: (data) => promisify(gunzip)(data) },
  { name: 'zstd', magic: [0x28, 0xb5, 0x2f, 0xfd], decompress: (data) => promisify(zstdDecompress)(data) },
  { name: 'lz4', magic: [0x02, 0x21, 0x4c, 0x18], decompress: null },
  { name: 'lzma', magic: [0x5d, 0, 0], decompress: null },
  { name: 'bzip2', magic: [0x42, 0x5a, 0x68], decompress: null },
  { name: 'lzo', magic: [0x89, 0x4c, 0x5a, 0x4f], decompress: null },
];

/** Null if not compressed in a known format. */
export function compressionOf(data: Buffer): string | null {
  return match(data)?.name ?? null;
}

/**
 * Decompresses data; data that is not compressed is returned unchanged. Bytes after the compressed stream are ignored:
 * the kernel's build appends the size of the content, except for gzip. `what` names the data in errors. @throws
 * SetupError `unknown-compression`, `not-decompressed`, `no-tool`.
 */
export async function decompress(data: Buffer, what: string, signal: AbortSignal | undefined): Promise<Buffer> {
  const form = match(data);
  if (form === null) return data;
  if (form.decompress === null) {
    throw new SetupError(
      'unknown-compression',
      `${what} is compressed with ${form.name}, which is not supported`,
      'use a kernel compressed with gzip, xz or zstd, or pass its vmlinux with --image',
    );
  }
  try {
    return await form.decompress(data, signal);
  } catch (error) {
    if (error instanceof SetupError || signal?.aborted) throw error;
    throw new SetupError(
      'not-decompressed',
      `${what} cannot be decompressed (${form.name}: ${(error as Error).message})`,
      'the file is damaged: download it again',
      { cause: error },
    );
  }
}

function match(data: Buffer): (typeof magics)[number] | null {
  return magics.find(({ magic }) => magic.every((byte, at) => data[at] === byte)) ?? null;
}

async function unxz(data: Buffer, signal: AbortSignal | undefined): Promise<Buffer> {
  const ended = await runTool('xz', ['--decompress', '--stdout', '--single-stream'], { input: data, signal });
  if (ended.code === 0) return ended.stdout;
  throw new Error(reasonIn(ended));
}
