/**
 * Snapshots of microVMs in which the runner waits for a run: the guest's memory, a file that QEMU maps, and the state of
 * its devices. A restored guest maps the same file privately, so many can use it at once. They are in a folder that only
 * the user can change. Source: QEMU's docs/devel/migration.rst (x-ignore-shared).
 */

import { createHash } from 'node:crypto';
import {
  closeSync,
  constants,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { findCacheFolder, isPrivateFile } from '../../bin/cache-folder.js';
import { makerMark } from '../../bin/maker.js';
import { shellWord } from '../text/quote.ts';
import { fileIdentity } from './file-identity.ts';
import type { Machine } from './machine.ts';
import { IGNORE_SHARED, openMonitor } from './monitor.ts';

const MEMORY = 'memory';
const DEVICES = 'devices';

/** What all of them may take on disk, in bytes; those that were not used for longest are removed. */
const MAX_BYTES = 3 * 1024 ** 3;
/** A guest touches a few hundred megabytes while it starts; without room for them it would be killed. */
const NEEDED_BYTES = 1024 ** 3;
const LOOK_EVERY_MS = 5;

/** Descriptors for a QEMU that restores it. */
export type Snapshot = Readonly<{
  memoryFd: number;
  devicesFd: number;
  close: () => void;
}>;

/** Where one is made; it counts only once it is kept. */
export type Draft = Readonly<{
  memoryFd: number;
  /** Stops the guest and keeps the snapshot. Throws an Error if it cannot be made. */
  keep: (machine: Machine) => Promise<void>;
  /** To be called whatever happened. */
  close: () => void;
}>;

/** A name for the snapshot of a guest that depends on these words and the contents of these files. */
export function snapshotName(kernel: string, words: readonly unknown[], files: readonly string[]): string {
  return `${kernel}-${hashOf(bootId()).slice(0, 8)}${hashOf([words, fileIdentity(...files)]).slice(0, 16)}`;
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

/** Nobody waits until the memory is on the disk: what was made before the machine's last boot may be incomplete. */
function bootId(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'latin1');
}

/** Parts of a name; null: it is none. */
function parseName(name: string): Readonly<{ kernel: string; boot: string }> | null {
  const [, kernel, boot] = /^(.+)-([0-9a-f]{8})[0-9a-f]{16}$/.exec(name) ?? [];
  return kernel === undefined || boot === undefined ? null : { kernel, boot };
}

/** Null if there is none that can be trusted. */
export function openSnapshot(name: string): Snapshot | null {
  const folder = snapshotFolder();
  if (folder === null) return null;
  const [memory, devices] = [join(folder, name, MEMORY), join(folder, name, DEVICES)];
  if (!isPrivateFile(memory) || !isPrivateFile(devices)) return null;
  const opened: number[] = [];
  try {
    // QEMU maps the memory privately, and opens it for writing all the same.
    opened.push(openSync(memory, constants.O_RDWR | constants.O_NOFOLLOW));
    opened.push(openSync(devices, constants.O_RDONLY | constants.O_NOFOLLOW));
    const now = new Date();
    utimesSync(join(folder, name), now, now);
  } catch {
    for (const fd of opened) closeSync(fd);
    return null;
  }
  const [memoryFd = -1, devicesFd = -1] = opened;
  return { memoryFd, devicesFd, close: () => opened.splice(0).forEach(closeSync) };
}

/** Null if there is no folder or no room for it. `memory`: the guest's, in bytes. */
export function draftSnapshot(name: string, memory: number): Draft | null {
  const folder = snapshotFolder();
  if (folder === null) return null;
  const draft = join(folder, `${name}.${makerMark()}${process.hrtime.bigint()}`);
  try {
    const { bavail, bsize } = statfsSync(folder);
    if (bavail * bsize < NEEDED_BYTES) return null;
    mkdirSync(draft, { mode: 0o700 });
    for (const file of [MEMORY, DEVICES]) writeFileSync(join(draft, file), '', { mode: 0o600, flag: 'wx' });
    truncateSync(join(draft, MEMORY), memory);
    const memoryFd = openSync(join(draft, MEMORY), constants.O_RDWR);
    return {
      memoryFd,
      keep: async (machine) => {
        await saveDevices(machine, join(draft, DEVICES));
        removeSnapshot(name);
        renameSync(draft, join(folder, name));
        removeOld(folder, name);
      },
      close: () => {
        closeSync(memoryFd);
        rmSync(draft, { recursive: true, force: true });
      },
    };
  } catch {
    rmSync(draft, { recursive: true, force: true });
    return null;
  }
}

export function removeSnapshot(name: string): void {
  const folder = snapshotFolder();
  if (folder !== null) rmSync(join(folder, name), { recursive: true, force: true });
}

/** Of this kernel. */
export function removeSnapshotsOf(kernel: string): void {
  const folder = snapshotFolder();
  for (const name of folder === null ? [] : readdirSync(folder)) {
    if (parseName(name)?.kernel === kernel) removeSnapshot(name);
  }
}

function snapshotFolder(): string | null {
  const { folder } = findCacheFolder();
  if (folder === null) return null;
  const made = join(folder, 'snapshots');
  try {
    mkdirSync(made, { recursive: true, mode: 0o700 });
    return made;
  } catch {
    return null;
  }
}

/** Only what is not in the file of the memory. The guest is stopped by then, and stays so. */
async function saveDevices({ monitor: port }: Machine, file: string): Promise<void> {
  if (port === null) throw new Error('the machine has no monitor');
  const monitor = await openMonitor(port);
  await monitor.execute('migrate-set-capabilities', IGNORE_SHARED);
  await monitor.execute('migrate', { uri: `exec:cat > ${shellWord(file)}` });
  for (;;) {
    const { status } = (await monitor.execute('query-migrate')) as { status?: string };
    if (status === 'completed') return;
    if (status === 'failed' || status === 'cancelled') throw new Error(`saving the microVM ${status}`);
    await sleep(LOOK_EVERY_MS);
  }
}

function removeOld(folder: string, kept: string): void {
  const boot = parseName(kept)?.boot;
  const found = readdirSync(folder).flatMap((name) => {
    const parts = parseName(name);
    const stat = statSync(join(folder, name), { throwIfNoEntry: false });
    const memory = statSync(join(folder, name, MEMORY), { throwIfNoEntry: false });
    // Not what another kmem-run is making.
    if (parts === null || stat === undefined || memory === undefined) return [];
    const usedAt = name === kept ? Number.POSITIVE_INFINITY : stat.mtimeMs;
    return [{ name, usedAt, bytes: parts.boot === boot ? memory.blocks * 512 : Number.POSITIVE_INFINITY }];
  });
  let room = MAX_BYTES;
  for (const { name, bytes } of found.toSorted((a, b) => b.usedAt - a.usedAt)) {
    if (bytes > room) rmSync(join(folder, name), { recursive: true, force: true });
    else room -= bytes;
  }
}
