/** The kernel's first root: the agent, and the modules that it loads to reach the host's files. */

import { createHash } from 'node:crypto';
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { findCacheFolder, isPrivateFile } from '../../bin/cache-folder.js';
import { errnoOf, SetupError } from '../errors.ts';
import { keepFile } from '../host/keep-file.ts';
import type { Kernel } from '../kernels/types.ts';
import { agentPath } from './agent.ts';

const DIRECTORY = 0o040755;
const PROGRAM = 0o100755;
const FILE = 0o100644;
const CONSOLE: CpioEntry = { path: 'dev/console', mode: 0o020600, device: [5, 1] };

/** Age at which no run can still be about to open one of the same kernel with another agent or other modules. */
const STALE_MS = 86_400_000;

/**
 * Absolute path of an initramfs for this kernel in the user's cache folder, created now or earlier from the same agent
 * and modules.
 * @throws SetupError `no-cache-folder`, `kernel-damaged` where a module cannot be read, and what agentPath throws.
 */
export async function makeInitramfs(kernel: Kernel): Promise<string> {
  const folder = await initramfsFolder();
  const agent = await readFile(agentPath());
  const modules = await Promise.all(kernel.modules.map((file) => readModule(file, kernel)));
  const archive = makeCpio(entriesOf(agent, modules));
  const name = `${kernel.name}-${createHash('sha256').update(archive).digest('hex').slice(0, 16)}.cpio`;
  const file = join(folder, name);
  if (isPrivateFile(file) && (await isMarkedUsed(file))) return file;
  try {
    keepFile(file, archive);
  } catch (error) {
    throw noFolder(`${folder} cannot be written: ${(error as Error).message}`);
  }
  await removeStale(folder, kernel.name, name);
  return file;
}

type Module = Readonly<{ name: string; data: Buffer }>;

function entriesOf(agent: Buffer, modules: readonly Module[]): CpioEntry[] {
  const order = modules.map(({ name }) => `${name}\n`).join('');
  return [
    { path: 'init', mode: PROGRAM, data: agent },
    { path: 'dev', mode: DIRECTORY },
    CONSOLE,
    { path: 'modules', mode: DIRECTORY },
    { path: 'modules/order', mode: FILE, data: Buffer.from(order) },
    ...modules.map(({ name, data }) => ({ path: `modules/${name}`, mode: FILE, data })),
  ];
}

async function readModule(file: string, kernel: Kernel): Promise<Module> {
  try {
    return { name: basename(file), data: await readFile(file) };
  } catch (cause) {
    throw new SetupError(
      'kernel-damaged',
      `a module of kernel ${kernel.name} cannot be read: ${file} (${errnoOf(cause) ?? 'unknown error'})`,
      `add the kernel again: kmem-run kernel remove ${kernel.name} && kmem-run kernel add ${kernel.name}`,
      { cause },
    );
  }
}

async function initramfsFolder(): Promise<string> {
  const { folder, reason } = findCacheFolder();
  if (folder === null) throw noFolder(reason);
  const made = join(folder, 'initramfs');
  await mkdir(made, { recursive: true, mode: 0o700 }).catch((error: Error) => {
    throw noFolder(error.message);
  });
  return made;
}

function noFolder(reason: string | null): SetupError {
  return new SetupError(
    'no-cache-folder',
    `no private folder to store the microVM's initramfs in: ${reason}`,
    'set XDG_CACHE_HOME to a folder that only you can write to and that has a few megabytes free',
  );
}

/** False if another run has just removed it. */
async function isMarkedUsed(file: string): Promise<boolean> {
  const now = new Date();
  return utimes(file, now, now).then(
    () => true,
    () => false,
  );
}

/** Includes files left by killed writers. */
async function removeStale(folder: string, kernel: string, kept: string): Promise<void> {
  const names = (await readdir(folder)).filter((name) => name.startsWith(`${kernel}-`) && name !== kept);
  for (const name of names.filter((each) => /^[0-9a-f]{16}\.cpio/.test(each.slice(kernel.length + 1)))) {
    const { mtimeMs } = await stat(join(folder, name)).catch(() => ({ mtimeMs: Date.now() }));
    if (Date.now() - mtimeMs > STALE_MS) await rm(join(folder, name), { force: true });
  }
}

/** Archives in cpio's "newc" format, which the kernel unpacks as its first root (Documentation/driver-api/early-userspace/buffer-format.rst). */

export type CpioEntry = Readonly<{
  /** Relative to the root, without a leading slash. */
  path: string;
  /** File type and permissions, as in `st_mode`. */
  mode: number;
  /** Contents of a file or target of a symbolic link; empty if absent. */
  data?: Buffer;
  /** Major and minor number of a device. */
  device?: readonly [number, number];
}>;

const MAGIC = '070701';

const TRAILER: CpioEntry = { path: 'TRAILER!!!', mode: 0 };

/** An archive with these entries in this order: a directory comes before its contents. All belong to root. */
export function makeCpio(entries: readonly CpioEntry[]): Buffer {
  return Buffer.concat([...entries, TRAILER].flatMap(encodeEntry));
}

function encodeEntry({ path, mode, data = Buffer.alloc(0), device = [0, 0] }: CpioEntry, index: number): Buffer[] {
  const name = Buffer.from(`${path}\0`);
  // Inode number, mode, uid, gid, links, mtime, size, containing device, own device, name's size, checksum (unused in
  // this format).
  const fields = [index + 1, mode, 0, 0, 1, 0, data.length, 0, 0, ...device, name.length, 0];
  const header = Buffer.from(MAGIC + fields.map((field) => field.toString(16).padStart(8, '0')).join(''));
  return [...padded(Buffer.concat([header, name])), ...padded(data)];
}

/** Header plus name, and contents, are each padded to a multiple of four bytes. */
function padded(part: Buffer): Buffer[] {
  return [part, Buffer.alloc(-part.length & 3)];
}
