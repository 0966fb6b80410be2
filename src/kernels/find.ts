import { SetupError } from '../errors.ts';
import { nearest } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { problemsOf } from './check.ts';
import { isThere, type KernelsFolder, kernelNames, kernelsFolder } from './folder.ts';
import { kernelOf, type Manifest, ManifestError, readManifest } from './manifest.ts';
import { type Kernel, kernelName, suiteOf, suites } from './types.ts';

/**
 * An added kernel, checked by the sizes and times of its files.
 * @throws SetupError `bad-kernel-name`, `no-such-kernel`, `kernel-damaged`, `no-cache-folder`.
 */
export async function findKernel(text: string): Promise<Kernel> {
  const name = kernelName(text);
  const folders = kernelsFolder();
  const found = await examine(folders, name, false);
  // Another kmem-run may just have replaced it with another version.
  const state = found?.problems.length === 0 ? found : await examine(folders, name, false);
  if (state === null) throw noSuchKernel(folders, name);
  if (state.problems.length > 0 || state.manifest === null) throw damaged(name, state);
  return kernelOf(folders.of(name), state.manifest);
}

/** The state of a kernel's folder. `manifest` is null if kernel.json is unusable; `problems` then says why. */
export type State = Readonly<{ manifest: Manifest | null; problems: readonly string[] }>;

/** Null if no kernel has that name. `thorough`: hash every file. */
export async function examine(folders: KernelsFolder, name: string, thorough: boolean): Promise<State | null> {
  if (!isThere(folders, name)) return null;
  const folder = folders.of(name);
  try {
    const manifest = readManifest(folder, name);
    return { manifest, problems: await problemsOf(folder, manifest, thorough) };
  } catch (error) {
    if (!(error instanceof ManifestError)) throw error;
    return { manifest: null, problems: [error.message] };
  }
}

/** The command that repairs a damaged kernel. */
export function mending(name: string, manifest: Manifest | null): string {
  const canBeFetched = suiteOf(name) !== null && (manifest === null || manifest.origin !== null);
  return canBeFetched
    ? `kmem-run kernel add ${name}`
    : `kmem-run kernel remove ${name}, then add the kernel again (kmem-run kernel add --help)`;
}

export function noSuchKernel(folders: KernelsFolder, name: string): SetupError {
  return new SetupError('no-such-kernel', `unknown kernel: ${quote(name)}`, hintFor(folders, name));
}

function hintFor(folders: KernelsFolder, name: string): string {
  if (suiteOf(name) !== null) return `kmem-run kernel add ${name}`;
  const added = kernelNames(folders);
  const near = nearest(name, [...added, ...suites.map((suite) => suite.name)]);
  if (near === null)
    return 'kmem-run kernel list shows the kernels that were added; see also kmem-run kernel add --help';
  return added.includes(near) ? `did you mean ${near}?` : `did you mean ${near}? kmem-run kernel add ${near}`;
}

function damaged(name: string, { manifest, problems }: State): SetupError {
  const more = problems.length > 1 ? `, and ${problems.length - 1} more` : '';
  return new SetupError(
    'kernel-damaged',
    `the kernel ${quote(name)} is damaged: ${problems[0] ?? 'it is incomplete'}${more}`,
    mending(name, manifest),
  );
}
