/** Puts a kernel's files in place, whole or not at all. */

import {
  closeSync,
  fsyncSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { makerMark } from '../../bin/maker.js';
import { sha256 } from './check.ts';
import { entriesOf, type KernelsFolder } from './folder.ts';
import type { Image } from './image.ts';
import { filesOf, type KeptFile, type KeptNative, MANIFEST, type Manifest, manifestText, SCHEMA } from './manifest.ts';
import type { Module } from './modules.ts';
import { NATIVE_FILE, type Native } from './native.ts';

export type Parts = Readonly<{
  image: Image;
  modules: readonly Module[];
  /** Null: the kernel enforces a limit itself; absent: none was asked for. */
  native?: Native | null;
}>;
export type Provenance = Pick<Manifest, 'name' | 'source' | 'origin'>;

/** A new folder beside the kernels; the caller removes it. Call with the lock held: leftovers of others are stale. */
export function makeStaging(folders: KernelsFolder): string {
  for (const name of entriesOf(folders.path)) {
    if (join(folders.path, name).startsWith(folders.staging)) rmSync(join(folders.path, name), { recursive: true });
  }
  return mkdtempSync(`${folders.staging}${makerMark()}`);
}

/** The content of kernel.json for these parts. */
export function describe({ image, modules, native }: Parts, provenance: Provenance, addedAt: Date): Manifest {
  const mtimeMs = Math.floor(addedAt.getTime() / 1000) * 1000;
  const keptFile = (path: string, data: Buffer): KeptFile => ({
    path,
    bytes: data.length,
    mtimeMs,
    sha256: sha256(data),
  });
  const files = {
    image: keptFile(image.arch === 'x86_64' ? 'vmlinux' : 'Image', image.data),
    modules: modules.map(({ name, data }) => keptFile(`modules/${name}.ko`, data)),
    ...(native === undefined ? {} : { native: native === null ? null : keptNative(native, keptFile) }),
  };
  const content = sha256(
    filesOf(files)
      .map(({ path, sha256: sum }) => `${sum} ${path}\n`)
      .join(''),
  ).slice(0, 16);
  const { release, version, arch } = image;
  return { schema: SCHEMA, ...provenance, release, version, arch, addedAt: addedAt.toISOString(), content, ...files };
}

function keptNative(native: Native, keptFile: (path: string, data: Buffer) => KeptFile): KeptNative {
  if (native.data === null) return { missing: native.missing, hint: native.hint };
  return { file: keptFile(NATIVE_FILE, native.data), source: native.source };
}

/**
 * Writes the files into `staging`, synced to disk, and moves them to the kernel's place; the previous files are
 * removed. Throws the error of writing (ENOSPC …), and then leaves the previous kernel unchanged.
 */
export function keep(folders: KernelsFolder, staging: string, manifest: Manifest, parts: Parts): void {
  const folder = folders.of(manifest.name);
  const content = join(staging, manifest.content);
  mkdirSync(join(content, 'modules'), { recursive: true, mode: 0o700 });
  const { image, modules, native } = parts;
  const datas = [image.data, ...modules.map(({ data }) => data), ...(native?.data ? [native.data] : [])];
  for (const [index, file] of filesOf(manifest).entries()) {
    writeFile(join(content, file.path), datas[index] ?? Buffer.alloc(0));
    utimesSync(join(content, file.path), file.mtimeMs / 1000, file.mtimeMs / 1000);
  }
  writeFile(join(staging, MANIFEST), Buffer.from(manifestText(manifest)));
  for (const directory of [join(content, 'modules'), content, staging]) sync(directory);
  place(folder, staging, manifest.content);
  removeAllBut(folder, [MANIFEST, manifest.content]);
}

/** Renews what the manifest says about a kernel whose files are unchanged. */
export function renewManifest(
  folders: KernelsFolder,
  staging: string,
  present: Manifest,
  changed: Pick<Manifest, 'source' | 'origin' | 'native'>,
): Manifest {
  const { source, origin, native = present.native } = changed;
  const manifest = { ...present, source, origin, ...(native === undefined ? {} : { native }) };
  if (isDeepStrictEqual(present, manifest)) return present;
  writeFile(join(staging, MANIFEST), Buffer.from(manifestText(manifest)));
  renameSync(join(staging, MANIFEST), join(folders.of(present.name), MANIFEST));
  sync(folders.of(present.name));
  return manifest;
}

// Moves the folder of the files first, then kernel.json, which names it, by one rename.
function place(folder: string, staging: string, content: string): void {
  makeDirectory(folder);
  // The same content with a damaged file: discard all of it.
  rmSync(join(folder, content), { recursive: true, force: true });
  renameSync(join(staging, content), join(folder, content));
  sync(folder);
  renameSync(join(staging, MANIFEST), join(folder, MANIFEST));
  for (const directory of [folder, dirname(folder)]) sync(directory);
}

function makeDirectory(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch {
    // A file is in its place.
    rmSync(folder, { force: true });
    mkdirSync(folder, { mode: 0o700 });
  }
}

function removeAllBut(folder: string, names: readonly string[]): void {
  for (const name of readdirSync(folder)) {
    if (!names.includes(name)) rmSync(join(folder, name), { recursive: true, force: true });
  }
}

function writeFile(path: string, data: Buffer): void {
  const fd = openSync(path, 'wx', 0o600);
  try {
    for (let at = 0; at < data.length; ) at += writeSync(fd, data, at);
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

function sync(directory: string): void {
  const fd = openSync(directory, 'r');
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}
