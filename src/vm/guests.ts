/**
 * Guests for runs: one that is kept from an earlier run, one that is restored from a snapshot, or one that is booted.
 * Each serves runs of one shape, and one at a time.
 */

import { SetupError } from '../errors.ts';
import { fileIdentity } from './file-identity.ts';
import { adoptGuest, type Guest, type GuestRequest, startGuest } from './guest.ts';
import { ownKinds } from './guest-streams.ts';
import { makeInitramfs } from './initramfs.ts';
import { type BootOptions, bootMachine, identityOf, isEmulated, type Machine, restoreMachine } from './machine.ts';
import { draftSnapshot, openSnapshot, removeSnapshot, snapshotName } from './snapshots.ts';

export type GuestOrder = GuestRequest &
  Readonly<{
    boot: BootOptions;
    /** Files of the program that runs in it. */
    program: readonly string[];
    /** Makes runs that nobody asked for, so that what a guest does for the first time is done before any other run. */
    warmUp: (guest: Guest) => Promise<void>;
  }>;

/** Which guests may serve: any, any but one that has made runs, or only one that is booted. */
export type Which = 'any' | 'unused' | 'booted';

/** What can be done with a guest after a run; `unusable`: the run did not even begin. */
export type Outcome = 'reusable' | 'used' | 'unusable';

/** A guest for one run. */
export type Lease = Readonly<{
  guest: Guest;
  /** How many runs it has made before this one. */
  reused: number;
  /** Whether it came from a snapshot. */
  isRestored: boolean;
  /** From the start of the boot, or of restoring it, until the runner inside was up, in milliseconds; of a reused one too. */
  bootMs: number;
  /** To be called whatever happened. */
  release: (outcome: Outcome) => Promise<void>;
}>;

export type Guests = Readonly<{
  /** @throws SetupError */
  lease: (order: GuestOrder, which: Which) => Promise<Lease>;
  close: () => Promise<void>;
}>;

type Kept = {
  readonly key: string;
  readonly guest: Guest;
  readonly bootMs: number;
  /** Whether the files that it has in its memory are still those of the host. */
  readonly isCurrent: () => boolean;
  /** Of the snapshot that it came from; null: it was booted. */
  readonly snapshot: string | null;
  runs: number;
};

/** Kernels that a sweep compares alternate: some guests of other shapes are kept beside those that work. */
const OTHERS = 2;

/** `most`: so many runs at a time; 0: no guest is kept. */
export function openGuests(most: number): Guests {
  const idle: Kept[] = [];
  const busy = new Set<Kept>();
  let isClosed = false;

  const take = async (key: string): Promise<Kept | null> => {
    for (;;) {
      const index = idle.findLastIndex((kept) => kept.key === key);
      const [kept] = index < 0 ? [] : idle.splice(index, 1);
      if (kept === undefined) return null;
      busy.add(kept);
      if ((await kept.guest.cleared()) === null && kept.guest.isAlive() && kept.isCurrent()) return kept;
      busy.delete(kept);
      await kept.guest.machine.kill();
    }
  };
  return {
    lease: async (order, which) => {
      const key = keyOf(order);
      const found = which === 'any' ? await take(key) : null;
      // The one that was not used for longest makes room.
      if (found === null)
        while (idle.length + busy.size >= most + OTHERS) {
          const other = idle.shift();
          if (other === undefined) break;
          await other.guest.machine.kill();
        }
      const kept = found ?? { key, runs: 0, ...(await newGuest(order, which)) };
      busy.add(kept);
      const reused = kept.runs;
      kept.runs += 1;
      return {
        guest: kept.guest,
        reused,
        isRestored: kept.snapshot !== null,
        bootMs: kept.bootMs,
        release: async (outcome) => {
          busy.delete(kept);
          if (outcome === 'unusable' && kept.snapshot !== null) removeSnapshot(kept.snapshot);
          if (outcome === 'reusable' && most > 0 && !isClosed && kept.guest.isAlive()) idle.push(kept);
          else await kept.guest.machine.kill();
        },
      };
    },
    close: async () => {
      isClosed = true;
      await Promise.all(idle.splice(0).map(({ guest }) => guest.machine.kill()));
    },
  };
}

function keyOf({ boot: { kernel, memory, cpus, rw }, guest: { cgroup }, streams }: GuestOrder): string {
  return JSON.stringify([kernel.folder, kernel.image, memory, cpus, rw, cgroup, ownKinds(streams)]);
}

type NewGuest = Pick<Kept, 'guest' | 'bootMs' | 'isCurrent' | 'snapshot'>;

function watchFiles(files: readonly string[]): () => boolean {
  const before = fileIdentity(...files);
  return () => fileIdentity(...files) === before;
}

async function newGuest(order: GuestOrder, which: Which): Promise<NewGuest> {
  const restored = which === 'booted' || !isEmulated(order.boot) ? null : await restoredGuest(order);
  return restored ?? bootedGuest(order);
}

/** One at a time for each name: others wait, and restore it too. */
const making = new Map<string, Promise<boolean>>();

/** Null if there is no snapshot and none can be made: it only saves time. */
async function restoredGuest(order: GuestOrder): Promise<NewGuest | null> {
  const initramfs = await makeInitramfs(order.boot.kernel);
  const name = nameOf(order, initramfs);
  const found = await restore(name, order, initramfs);
  if (found !== null) return found;
  const made = making.get(name) ?? makeSnapshot(name, order).finally(() => making.delete(name));
  making.set(name, made);
  return (await made) ? restore(name, order, initramfs) : null;
}

function nameOf({ boot, program, guest: { cgroup, env }, streams }: GuestOrder, initramfs: string): string {
  const { words, files } = identityOf(boot, initramfs);
  return snapshotName(boot.kernel.name, [...words, cgroup, env, ownKinds(streams)], [...files, ...program]);
}

async function restore(name: string, { boot, program }: GuestOrder, initramfs: string): Promise<NewGuest | null> {
  const snapshot = openSnapshot(name);
  if (snapshot === null) return null;
  try {
    const isCurrent = watchFiles(program);
    const began = performance.now();
    const machine = await restoreMachine(boot, initramfs, snapshot);
    return { guest: adoptGuest(machine), bootMs: performance.now() - began, isCurrent, snapshot: name };
  } catch (error) {
    if (boot.signal?.aborted) throw error;
    removeSnapshot(name);
    return null;
  } finally {
    snapshot.close();
  }
}

/** False: it could not be made, and why does not matter. */
async function makeSnapshot(name: string, order: GuestOrder): Promise<boolean> {
  const { boot, warmUp } = order;
  const draft = draftSnapshot(name, boot.memory);
  if (draft === null) return false;
  let machine: Machine | null = null;
  try {
    machine = await bootMachine(boot, draft.memoryFd);
    const guest = await startGuest(machine, order);
    boot.onProgress?.(`preparing a snapshot of Linux ${boot.kernel.version}, for later runs`);
    await warmUp(guest);
    if ((await guest.cleared()) !== null) return false;
    await draft.keep(machine);
    return true;
  } catch (error) {
    // Another boot would fail in the same way.
    const isHopeless = error instanceof SetupError && error.code !== 'guest-failed';
    if (boot.signal?.aborted || isHopeless) throw error;
    return false;
  } finally {
    await machine?.kill();
    draft.close();
  }
}

async function bootedGuest(order: GuestOrder): Promise<NewGuest> {
  const isCurrent = watchFiles(order.boot.prefetch);
  const began = performance.now();
  const machine = await bootMachine(order.boot);
  try {
    const guest = await startGuest(machine, order);
    // Its first run finds the kernel as each run in a restored guest does.
    await order.warmUp(guest);
    return { guest, bootMs: performance.now() - began, isCurrent, snapshot: null };
  } catch (error) {
    await machine.kill();
    throw error;
  }
}
