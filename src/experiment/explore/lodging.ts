/** Runs side by side must not meet: each has a folder and a port of its own. */

import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, SetupError } from '../../errors.ts';

export type Lodging = Readonly<{
  /** Absolute; empty but for `tmp`. */
  folder: string;
  /** File for the run's recording, outside the folder. */
  recording: string;
  /** TCP and UDP, of five digits; nobody listened there a moment ago. */
  port: number;
  leave: () => void;
}>;

export type House = Readonly<{
  /** For a run of this user; null: the runner's own. */
  move: (owner: Readonly<{ uid: number; gid: number }> | null) => Promise<Lodging>;
  /** Everything is removed. */
  close: () => void;
}>;

/** Below those that the kernel hands out by itself; all with as many digits, so that lengths do not differ. */
const FIRST_PORT = 20_000;
const PORTS = 10_000;

export function openHouse(): House {
  let base: string | null = null;
  let count = 0;
  let port = Math.floor(Math.random() * PORTS);
  const nextPort = async (): Promise<number> => {
    for (let tries = 0; tries < PORTS; tries++) {
      port = (port + 1) % PORTS;
      // Its own from here on, also while another run looks for one.
      const own = FIRST_PORT + port;
      if (await isFree(own)) return own;
    }
    throw new SetupError('no-port', 'no port from 20000 to 29999 is free', 'end what listens there');
  };
  return {
    move: async (owner) => {
      base ??= makeBase();
      count += 1;
      const name = String(count).padStart(6, '0');
      const [folder, recording] = [join(base, name), join(base, `${name}.ndjson`)];
      makeFolder(folder, owner);
      makeFolder(join(folder, 'tmp'), owner);
      const leave = (): void => {
        for (const path of [folder, recording]) rmSync(path, { recursive: true, force: true });
      };
      return { folder, recording, port: await nextPort(), leave };
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

function makeFolder(path: string, owner: Readonly<{ uid: number; gid: number }> | null): void {
  mkdirSync(path, { mode: 0o700 });
  if (owner !== null) chownSync(path, owner.uid, owner.gid);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve(true)));
  });
}
