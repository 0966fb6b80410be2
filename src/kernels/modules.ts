/** Which modules the microVM needs, and in which order they are loaded. */

import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { SetupError } from '../errors.ts';
import { elfSection } from '../host/elf.ts';
import { decompress } from './decompress.ts';

/** The modules that the guest's agent uses. They state their own dependencies. */
export const ROOTS = ['virtio_mmio', '9pnet_virtio', '9p', 'overlay', 'virtio_console'] as const;

/** Dependencies of the roots in the known kernels, to be unpacked together with them. */
export const KNOWN = [...ROOTS, 'virtio_ring', 'virtio', 'netfs', 'fscache', '9pnet'] as const;

export type Module = Readonly<{ name: string; data: Buffer }>;

/** Thrown if a needed module is neither present nor built in. */
export class MissingModule extends Error {
  readonly module: string;
  constructor(module: string) {
    super(`the module ${module} is missing`);
    this.module = module;
  }
}

export type ModuleTree = Readonly<{
  /** By name, with _ instead of -. */
  files: ReadonlyMap<string, string>;
  /** Names of the built-in modules. */
  builtin: ReadonlySet<string>;
}>;

/** The modules below a directory: a /lib/modules/RELEASE or a flat folder of files. */
export function readModuleTree(directory: string): ModuleTree {
  const entries = readdirSync(directory, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile() && MODULE_FILE.test(entry.name))
    .map((entry) => [moduleName(entry.name), join(entry.parentPath, entry.name)] as const);
  const builtin = entries
    .filter((entry) => entry.isFile() && entry.name === 'modules.builtin')
    .flatMap((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8').split('\n'))
    .filter((line) => line !== '')
    .map((line) => moduleName(basename(line)));
  return { files: new Map(files), builtin: new Set(builtin) };
}

/**
 * The needed modules, decompressed, each after its dependencies.
 * @throws MissingModule, and SetupError `bad-module`, `module-of-another-kernel` and those of decompress().
 */
export async function chooseModules(
  { files, builtin }: ModuleTree,
  release: string,
  signal: AbortSignal | undefined,
): Promise<Module[]> {
  const chosen = new Map<string, Module | null>();
  const take = async (name: string): Promise<void> => {
    if (chosen.has(name) || builtin.has(name)) return;
    const file = files.get(name);
    if (file === undefined) throw new MissingModule(name);
    const data = await decompress(readFileSync(file), file, signal);
    const { depends, builtFor } = moduleInfo(data, file);
    if (builtFor !== release) throw foreign(file, builtFor, release);
    // Set before its dependencies are visited, so that a cycle, which no build produces, ends.
    chosen.set(name, null);
    for (const other of depends) await take(other);
    chosen.delete(name);
    chosen.set(name, { name, data });
  };
  for (const root of ROOTS) await take(root);
  return [...chosen.values()].filter((module) => module !== null);
}

const MODULE_FILE = /\.ko(\.(xz|gz|zst))?$/;

function moduleName(file: string): string {
  return file.replace(/\.ko(\.[a-z0-9]+)?$/, '').replaceAll('-', '_');
}

function moduleInfo(data: Buffer, file: string): { depends: string[]; builtFor: string } {
  const entries = new Map(
    infoOf(data, file)
      .toString('latin1')
      .split('\0')
      .map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  );
  const depends = (entries.get('depends') ?? '').split(',').filter((name) => name !== '');
  return {
    depends: depends.map((name) => name.replaceAll('-', '_')),
    builtFor: entries.get('vermagic')?.split(' ')[0] ?? '',
  };
}

function infoOf(data: Buffer, file: string): Buffer {
  try {
    const section = elfSection(data, '.modinfo');
    if (section !== null) return section;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  throw new SetupError('bad-module', `${file} is not a kernel module`, 'the file is damaged: download it again');
}

function foreign(file: string, builtFor: string, release: string): SetupError {
  return new SetupError(
    'module-of-another-kernel',
    `${file} was built for Linux ${builtFor || 'unknown'}, but the image is Linux ${release}`,
    `use the modules of the image: /lib/modules/${release}`,
  );
}
