/**
 * `kernel.json`, which describes a kernel's folder. It is written last, by a rename, and names the folder of the files,
 * so that a kernel exists whole or not at all and is replaced in one step.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../errors.ts';
import { nativeSource } from './native-source.ts';
import type { Kernel, NativeModule } from './types.ts';

export const MANIFEST = 'kernel.json';
export const SCHEMA = 1;

export type KeptFile = Readonly<{
  /** Relative to the folder that `content` names. */
  path: string;
  bytes: number;
  /** Last modification, in milliseconds since 1970; whole seconds, which every archive preserves. */
  mtimeMs: number;
  sha256: string;
}>;

/** The Debian package of a kernel; null if it is from no package. */
export type Origin = Readonly<{ package: string; version: string; sha256: string }> | null;

export type Manifest = Readonly<{
  schema: typeof SCHEMA;
  name: string;
  release: string;
  version: string;
  arch: Kernel['arch'];
  source: string;
  addedAt: string;
  origin: Origin;
  /** Name of the folder beside kernel.json that holds the files; derived from their checksums. */
  content: string;
  image: KeptFile;
  /** In the order of loading. */
  modules: readonly KeptFile[];
  /** The module of `--enforce native`; null: the kernel enforces a limit itself; absent: none was built. */
  native?: KeptNative | null;
}>;

/** `source`: of which source it was built. `missing`: why there is none, and what to do. */
export type KeptNative = Readonly<{ file: KeptFile; source: string }> | Readonly<{ missing: string; hint: string }>;

/** A problem with a kernel.json; its message is shown to users. */
export class ManifestError extends Error {}

/** @throws ManifestError if there is none or if it is not what this version of kmem-run writes. */
export function readManifest(folder: string, name: string): Manifest {
  const value = parse(readText(join(folder, MANIFEST)));
  const problem = problemOf(value, name);
  if (problem !== null) throw new ManifestError(`${MANIFEST}: ${problem}`);
  return value as Manifest;
}

export function manifestText(manifest: Manifest): string {
  return `${JSON.stringify(manifest, null, 2)}\n`;
}

/** Every file of a kernel. */
export function filesOf({
  image,
  modules,
  native,
}: Pick<Manifest, 'image' | 'modules' | 'native'>): readonly KeptFile[] {
  return [image, ...modules, ...(native && 'file' in native ? [native.file] : [])];
}

/** Whether the module of this version of kmem-run is there, or not needed. */
export function hasNative({ native }: Pick<Manifest, 'native'>): boolean {
  return native === null || (native !== undefined && 'file' in native && native.source === nativeSource());
}

export function kernelOf(folder: string, manifest: Manifest): Kernel {
  const { name, release, version, arch, source, addedAt } = manifest;
  const path = (file: KeptFile) => join(folder, manifest.content, file.path);
  return {
    name,
    release,
    version,
    arch,
    image: path(manifest.image),
    modules: manifest.modules.map(path),
    native: nativeOf(manifest, path),
    folder,
    source,
    addedAt,
    bytes: filesOf(manifest).reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function nativeOf(manifest: Manifest, path: (file: KeptFile) => string): NativeModule {
  const { name, native, origin } = manifest;
  const hint = origin === null ? 'use --enforce gate' : `kmem-run kernel add ${name}`;
  const none = (reason: string) => ({ path: null, reason, hint });
  if (native && 'file' in native)
    return hasNative(manifest)
      ? { path: path(native.file), reason: null, hint: null }
      : none('it was built by another version of kmem-run');
  if (native) return { ...none(native.missing), hint: native.hint };
  return none(
    origin === null ? 'only kernels from a Debian mirror get one' : 'it was not built when the kernel was added',
  );
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const errno = errnoOf(error);
    throw new ManifestError(errno === 'ENOENT' ? `${MANIFEST} is missing` : `${MANIFEST} cannot be read (${errno})`);
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new ManifestError(`${MANIFEST} is not JSON`);
  }
}

type Check = (value: unknown) => boolean;

const isText: Check = (value) => typeof value === 'string' && value !== '';
const isCount: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
function matches(pattern: RegExp): Check {
  return (value) => typeof value === 'string' && pattern.test(value);
}

const isSha256 = matches(/^[0-9a-f]{64}$/);

// These values become paths: they must not lead out of the kernel's folder.
function fileChecks(path: RegExp): Readonly<Record<keyof KeptFile, Check>> {
  return {
    path: matches(path),
    bytes: isCount,
    mtimeMs: isCount,
    sha256: isSha256,
  };
}

const imageChecks = fileChecks(/^(vmlinux|Image)$/);
const moduleChecks = fileChecks(/^modules\/[A-Za-z0-9][A-Za-z0-9._-]*\.ko$/);
const builtChecks = { file: (value: unknown) => holds(value, moduleChecks), source: matches(/^[0-9a-f]{16}$/) };
const missingChecks = { missing: isText, hint: isText };
const originChecks = { package: isText, version: isText, sha256: isSha256 };

const checks: Readonly<Record<Exclude<keyof Manifest, 'schema' | 'name'>, Check>> = {
  release: isText,
  version: isText,
  arch: matches(/^(x86_64|aarch64)$/),
  source: isText,
  addedAt: (value) => isText(value) && !Number.isNaN(Date.parse(value as string)),
  origin: (value) => value === null || holds(value, originChecks),
  content: matches(/^[0-9a-f]{16}$/),
  image: (value) => holds(value, imageChecks),
  modules: (value) => Array.isArray(value) && value.every((file) => holds(file, moduleChecks)),
  native: (value) => value === undefined || value === null || holds(value, builtChecks) || holds(value, missingChecks),
};

function problemOf(value: unknown, name: string): string | null {
  if (!isRecord(value)) return 'is not an object';
  if (value.schema !== SCHEMA) return `schema ${JSON.stringify(value.schema)} is not ${SCHEMA}, this version's`;
  if (value.name !== name) return `belongs to the kernel ${JSON.stringify(value.name)}`;
  const key = failingKey(value, checks);
  return key === null ? null : `${key} is invalid`;
}

function holds(value: unknown, expected: Readonly<Record<string, Check>>): boolean {
  return isRecord(value) && failingKey(value, expected) === null;
}

function failingKey(value: Record<string, unknown>, expected: Readonly<Record<string, Check>>): string | null {
  return Object.entries(expected).find(([key, check]) => !check(value[key]))?.[0] ?? null;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
