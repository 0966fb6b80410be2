import { statSync } from 'node:fs';
import { packagesIn } from './apt.ts';
import { examine, mending, noSuchKernel } from './find.ts';
import { entriesOf, type KernelsFolder, kernelNames, kernelsFolder } from './folder.ts';
import { kernelOf } from './manifest.ts';
import { type Kernel, kernelName } from './types.ts';

export type ListedKernel = Readonly<{
  name: string;
  /** Null if kernel.json is unusable. */
  kernel: Kernel | null;
  /** Empty if intact. */
  problems: readonly string[];
  /** The command that repairs it; null if intact. */
  mend: string | null;
}>;

/** The partial result of an interrupted download. */
export type Unfinished = Readonly<{ name: string; bytes: number }>;

/** Every added kernel. `thorough`: hash each file. @throws SetupError `no-cache-folder`. */
export async function listKernels(thorough: boolean): Promise<ListedKernel[]> {
  const folders = kernelsFolder();
  const listed: ListedKernel[] = [];
  for (const name of kernelNames(folders)) listed.push(...(await look(folders, name, thorough)));
  return listed;
}

/** Hashes every file of one kernel. @throws SetupError `bad-kernel-name`, `no-such-kernel`, `no-cache-folder`. */
export async function verifyKernel(text: string): Promise<ListedKernel> {
  const folders = kernelsFolder();
  const name = kernelName(text);
  const [listed] = await look(folders, name, true);
  if (listed === undefined) throw noSuchKernel(folders, name);
  return listed;
}

export function unfinishedDownloads(): Unfinished[] {
  const folders = kernelsFolder();
  return entriesOf(folders.download('.'))
    .map((name) => ({ name, bytes: packageBytes(folders.download(name)) }))
    .filter(({ bytes }) => bytes > 0);
}

/** One kernel, or none if it is gone. */
async function look(folders: KernelsFolder, name: string, thorough: boolean): Promise<ListedKernel[]> {
  const state = await examine(folders, name, thorough);
  if (state === null) return [];
  const { manifest, problems } = state;
  const kernel = manifest === null ? null : kernelOf(folders.of(name), manifest);
  return [{ name, kernel, problems, mend: problems.length === 0 ? null : mending(name, manifest) }];
}

function packageBytes(folder: string): number {
  return packagesIn(folder).reduce((sum, path) => sum + (statSync(path, { throwIfNoEntry: false })?.size ?? 0), 0);
}
