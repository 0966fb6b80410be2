/** The steps of `kernel add`: source → a folder beside the kernels → the kernel's place. */

import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SetupError } from '../errors.ts';
import { tidy } from './apt.ts';
import { changing } from './changing.ts';
import { examine } from './find.ts';
import type { KernelsFolder } from './folder.ts';
import { fromDeb, fromFallback, fromImage, fromPresent, type Gathered, type Place } from './gather.ts';
import { describe, keep, makeStaging, renewManifest } from './keep.ts';
import { hasNative, kernelOf, type Manifest } from './manifest.ts';
import { type Fetching, findFallback, findNewest, type Newest } from './mirror.ts';
import { buildNative } from './native.ts';
import { type Kernel, kernelName } from './types.ts';

export { DEBIAN_KEYRING } from './apt.ts';

/** The source of a kernel. */
export type Way =
  /** `url` null: the mirrors configured in the system's apt. */
  | Readonly<{ way: 'mirror'; url: string | null }>
  | Readonly<{ way: 'deb'; file: string }>
  | Readonly<{ way: 'image'; file: string; modules: string }>;

export type AddOptions = Readonly<{
  way: Way;
  /** The keys that the mirror's lists are signed with. */
  keyring: string;
  signal: AbortSignal | undefined;
  /** Reports progress, one line of text per call. */
  say: (text: string) => void;
  /** Bytes of a download. */
  onDownload: (done: number, total: number) => void;
}>;

export type Added = Readonly<{
  kernel: Kernel;
  /** `same`: the kernel was present; only its source is updated. `mended`: it was present, but damaged. */
  change: 'added' | 'same' | 'replaced' | 'mended';
  /** Version of the replaced kernel; null: there was none, or it is unknown. */
  before: string | null;
}>;

/**
 * Adds a kernel, or replaces the one of that name with the newest. One at a time: others wait.
 * @throws SetupError, the signal's reason, or what a file system throws; the previous kernel is then unchanged.
 */
export async function addKernel(text: string, options: AddOptions): Promise<Added> {
  const name = kernelName(text);
  return changing(options, (folders, lock) => addLocked({ name, folders, lock, ...options }));
}

type Adding = AddOptions & Readonly<{ name: string; folders: KernelsFolder; lock: number }>;

async function addLocked(adding: Adding): Promise<Added> {
  const { folders, name } = adding;
  const state = await examine(folders, name, true);
  const present = state?.problems.length === 0 ? state.manifest : null;
  const staging = makeStaging(folders);
  try {
    const scratch = join(staging, 'unpacked');
    mkdirSync(scratch);
    const gathered = await gather(adding, present, { scratch, signal: adding.signal });
    if (gathered === null && present !== null) return same(folders, present);
    if (gathered === null) throw new Error('nothing was gathered');
    const manifest = describe(gathered.parts, { name, ...gathered.provenance }, new Date());
    if (present?.content === manifest.content) return same(folders, renewManifest(folders, staging, present, manifest));
    rmSync(scratch, { recursive: true });
    keep(folders, staging, manifest, gathered.parts);
    return {
      kernel: kernelOf(folders.of(name), manifest),
      change: state === null ? 'added' : present === null ? 'mended' : 'replaced',
      before: state?.manifest?.version ?? null,
    };
  } finally {
    rmSync(staging, { recursive: true, force: true });
  }
}

function same(folders: KernelsFolder, manifest: Manifest): Added {
  return { kernel: kernelOf(folders.of(manifest.name), manifest), change: 'same', before: manifest.version };
}

/** Null if the kernel is already the newest. */
async function gather(adding: Adding, present: Manifest | null, place: Place): Promise<Gathered | null> {
  const { way } = adding;
  if (way.way === 'deb') return fromDeb(way.file, null, place);
  if (way.way === 'image') return fromImage(way.file, way.modules, place);
  try {
    return await fromMirror(adding, way.url, present, place);
  } catch (error) {
    const kept = way.url === null && isForWantOfMirror(error) ? findFallback(adding.name) : null;
    if (kept === null) throw error;
    adding.say(`${(error as Error).message}`);
    adding.say(`using ${kept.folder} from the folder in KMEM_RUN_KERNELS instead`);
    return fromFallback(kept, place);
  }
}

async function fromMirror(
  { name, folders, keyring, lock, say, onDownload }: Adding,
  url: string | null,
  present: Manifest | null,
  place: Place,
): Promise<Gathered | null> {
  const folder = folders.download(name);
  const fetching: Fetching = { folder, keyring, inherits: [lock], say, onDownload, signal: place.signal };
  try {
    const newest = await findNewest(name, url, fetching);
    const isPresent = present !== null && present.origin?.sha256 === newest.sha256;
    if (isPresent && hasNative(present)) return null;
    const gathered = isPresent ? fromPresent(folders, present) : await fromNewest(newest, place);
    const headers = join(folder, 'headers');
    mkdirSync(headers, { recursive: true });
    const { image } = gathered.parts;
    const native = await buildNative({
      ...{ image, name, say, scratch: place.scratch, signal: place.signal },
      fetchHeaders: () => newest.fetchHeaders(headers),
    });
    if (native?.data === null)
      say(`--enforce native will not work with this kernel: ${native.missing} (${native.hint})`);
    rmSync(folder, { recursive: true, force: true });
    return { ...gathered, parts: { ...gathered.parts, native } };
  } finally {
    tidy(folder);
  }
}

async function fromNewest(newest: Newest, place: Place): Promise<Gathered> {
  const { file, source } = await newest.fetch();
  return fromDeb(file, source, place);
}

const FOR_WANT_OF_MIRROR = [
  'no-tool',
  'no-mirror',
  'no-keyring',
  'suite-gone',
  'package-gone',
  'mirror-unreachable',
  'no-such-package',
  'apt-failed',
  'unknown-kernel',
];

function isForWantOfMirror(error: unknown): boolean {
  return error instanceof SetupError && FOR_WANT_OF_MIRROR.includes(error.code);
}
