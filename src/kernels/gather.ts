/** Gathers the parts of a kernel from any source. */

import { accessSync, constants, readFileSync, statSync } from 'node:fs';
import { basename, resolve } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { readBounded, Unreadable } from '../host/read-input.ts';
import { quote } from '../text/quote.ts';
import { sha256Of } from './check.ts';
import { debNames, unpackDeb, unpackModule } from './deb.ts';
import type { KernelsFolder } from './folder.ts';
import { readImage } from './image.ts';
import type { Parts, Provenance } from './keep.ts';
import { kernelOf, type Manifest } from './manifest.ts';
import { checkSums, type Fallback } from './mirror.ts';
import { chooseModules, MissingModule, type ModuleTree, readModuleTree } from './modules.ts';

export type Gathered = Readonly<{ parts: Parts; provenance: Omit<Provenance, 'name'> }>;
export type Place = Readonly<{
  /** An empty directory to unpack into. */
  scratch: string;
  signal: AbortSignal | undefined;
}>;

/** @throws SetupError of unpackDeb(), readImage(), chooseModules(), `missing-module`. */
export async function fromDeb(file: string, source: string | null, { scratch, signal }: Place): Promise<Gathered> {
  const path = resolve(file);
  assertReadable(path);
  const names = await debNames(path, signal);
  const image = await readImage(readFileSync(await unpackDeb(path, scratch, signal)), path, signal);
  const tried = new Set<string>();
  for (;;) {
    try {
      const modules = await chooseModules(readModuleTree(scratch), image.release, signal);
      const origin = { ...names, sha256: await sha256Of(path) };
      const what = source ?? `the package ${path}`;
      return {
        parts: { image, modules },
        provenance: { origin, source: `${names.package} ${names.version}, ${what}` },
      };
    } catch (error) {
      if (!(error instanceof MissingModule)) throw error;
      if (tried.has(error.module)) throw missingModule(error, path);
      tried.add(error.module);
      await unpackModule(path, scratch, error.module, signal);
    }
  }
}

/** @throws SetupError `unreadable` and those of readImage(), chooseModules(), `missing-module`. */
export async function fromImage(file: string, modulesFolder: string, { signal }: Place): Promise<Gathered> {
  const path = resolve(file);
  const folder = resolve(modulesFolder);
  assertReadable(path);
  const tree = treeOf(folder);
  const image = await readImage(imageIn(path), path, signal);
  const modules = await chooseModules(tree, image.release, signal).catch((error: unknown) => {
    throw error instanceof MissingModule ? missingModule(error, folder) : error;
  });
  return {
    parts: { image, modules },
    provenance: { origin: null, source: `the image ${path} and the modules of ${folder}` },
  };
}

/** @throws SetupError `wrong-checksum` and those of fromImage(). */
export async function fromFallback(kept: Fallback, place: Place): Promise<Gathered> {
  await checkSums(kept);
  const { parts } = await fromImage(kept.image, kept.modules, place);
  return { parts, provenance: { origin: null, source: `${kept.name} from the folder in KMEM_RUN_KERNELS` } };
}

/** The files of a kernel that was added before. */
export function fromPresent(folders: KernelsFolder, manifest: Manifest): Gathered {
  const { release, version, arch, source, origin } = manifest;
  const kernel = kernelOf(folders.of(manifest.name), manifest);
  const modules = kernel.modules.map((file) => ({ name: basename(file, '.ko'), data: readFileSync(file) }));
  const image = { data: readFileSync(kernel.image), arch, release, version };
  return { parts: { image, modules }, provenance: { origin, source } };
}

function imageIn(path: string): Buffer {
  try {
    return readBounded(path, MOST_IMAGE_BYTES);
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    throw new SetupError('unreadable', `${quote(path)} cannot be read: ${error.message}`, 'name the image of a kernel');
  }
}

/** A decompressed image with everything that a distribution builds in takes about 80 MiB. */
const MOST_IMAGE_BYTES = 256 * 2 ** 20;

function treeOf(folder: string): ModuleTree {
  try {
    return readModuleTree(folder);
  } catch (error) {
    throw unreadable(folder, error, 'name a folder of modules, such as /lib/modules/RELEASE');
  }
}

function assertReadable(file: string): void {
  const hint = 'name a file that you can read';
  try {
    accessSync(file, constants.R_OK);
  } catch (error) {
    throw unreadable(file, error, hint);
  }
  if (!statSync(file).isFile()) throw new SetupError('unreadable', `${quote(file)} is not a file`, hint);
}

function unreadable(path: string, error: unknown, hint: string): SetupError {
  return new SetupError('unreadable', `${quote(path)} cannot be read (${errnoOf(error) ?? 'unknown error'})`, hint, {
    cause: error,
  });
}

function missingModule({ module }: MissingModule, where: string): SetupError {
  return new SetupError(
    'missing-module',
    `the kernel lacks the module ${module}, which the microVM needs: it is not in ${quote(where)}`,
    "use a generic kernel (Debian's cloud kernels have no 9p); built-in modules are listed in modules.builtin beside the modules",
  );
}
