/** Guests that are kept between runs: each serves runs of one shape, and one at a time. */

import { type Guest, type GuestRequest, startGuest } from './guest.ts';
import { type BootOptions, bootMachine } from './machine.ts';

export type GuestOrder = GuestRequest & Readonly<{ boot: BootOptions }>;

/** A guest for one run. */
export type Lease = Readonly<{
  guest: Guest;
  /** How many runs it has made before this one. */
  reused: number;
  /** From the start of the boot until the runner inside was up, in milliseconds; of a reused one too. */
  bootMs: number;
  /** To be called whatever happened. `reusable`: another run may be made in it. */
  release: (reusable: boolean) => Promise<void>;
}>;

export type Guests = Readonly<{
  /** `fresh`: booted for this run. @throws SetupError */
  lease: (order: GuestOrder, fresh: boolean) => Promise<Lease>;
  close: () => Promise<void>;
}>;

type Kept = { readonly key: string; readonly guest: Guest; readonly bootMs: number; runs: number };

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
      if ((await kept.guest.cleared()) === null && kept.guest.isAlive()) return kept;
      busy.delete(kept);
      await kept.guest.machine.kill();
    }
  };
  const boot = async (key: string, order: GuestOrder): Promise<Kept> => {
    const began = performance.now();
    const machine = await bootMachine(order.boot);
    try {
      const guest = await startGuest(machine, order);
      const kept = { key, guest, bootMs: performance.now() - began, runs: 0 };
      busy.add(kept);
      return kept;
    } catch (error) {
      await machine.kill();
      throw error;
    }
  };
  return {
    lease: async (order, fresh) => {
      const key = keyOf(order);
      const found = fresh ? null : await take(key);
      // The one that was not used for longest makes room.
      if (found === null)
        while (idle.length + busy.size >= most + OTHERS) {
          const other = idle.shift();
          if (other === undefined) break;
          await other.guest.machine.kill();
        }
      const kept = found ?? (await boot(key, order));
      const reused = kept.runs;
      kept.runs += 1;
      return {
        guest: kept.guest,
        reused,
        bootMs: kept.bootMs,
        release: async (reusable) => {
          busy.delete(kept);
          if (reusable && most > 0 && !isClosed && kept.guest.isAlive()) idle.push(kept);
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

function keyOf({ boot: { kernel, memory, cpus, rw }, guest: { cgroup } }: GuestOrder): string {
  return JSON.stringify([kernel.folder, kernel.image, memory, cpus, rw, cgroup]);
}
