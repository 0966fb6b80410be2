/** Runs side by side must not meet: each has a folder and a port of its own. */

import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, SetupError } from '../../errors.ts';
import { freePort, givePortsBack } from '../../launch/ports.ts';

export type Lodging = Readonly<{
  /** Absolute; empty but for `tmp`. */
  folder: string;
  /** File for the run's recording, outside the folder. */
  recording: string;
  /** Of five digits; nobody listened there a moment ago. */
  port: number;
  leave: () => void;
}>;

export type House = Readonly<{
  /** For a run of this user; null: the runner's own. */
  move: (owner: Readonly<{ uid: number; gid: number }> | null) => Promise<Lodging>;
  /** Everything is removed. */
  close: () => void;
}>;

export function openHouse(): House {
  let base: string | null = null;
  let count = 0;
  return {
    move: async (owner) => {
      base ??= makeBase();
      count += 1;
      const name = String(count).padStart(6, '0');
      const [folder, recording] = [join(base, name), join(base, `${name}.ndjson`)];
      makeFolder(folder, owner);
      makeFolder(join(folder, 'tmp'), owner);
      const port = await freePort();
      const leave = (): void => {
        givePortsBack([port]);
        for (const path of [folder, recording]) rmSync(path, { recursive: true, force: true });
      };
      return { folder, recording, port, leave };
    },
    close: () => {
      if (base !== null) rmSync(base, { recursive: true, force: true });
    },
  };
}

function makeBase(): string {
  try {
    const base = mkdtempSync(join(tmpdir(), 'kmem-run-'));
    // Another user's runs must get to their folders.
    chmodSync(base, 0o711);
    return base;
  } catch (error) {
    throw new SetupError(
      'no-folder',
      `no folder for the runs can be made in ${tmpdir()} (${errnoOf(error)})`,
      'set TMPDIR to a folder with room that you may write',
      { cause: error },
    );
  }
}

/** A server that gives up root has to get there. */
function makeFolder(path: string, owner: Readonly<{ uid: number; gid: number }> | null): void {
  mkdirSync(path);
  chmodSync(path, 0o755);
  if (owner !== null) chownSync(path, owner.uid, owner.gid);
}
