import { createServer } from 'node:net';
import { SetupError } from '../errors.ts';

/** Below the ports that the kernel gives to clients, which could take one between our check and the server's bind. */
const FIRST = 20_000;
const LAST = 32_000;
const TRIES = 200;

const taken = new Set<number>();

/** A port of 127.0.0.1 on which nobody listens, given to no other run of this process. @throws SetupError `no-port` */
export async function freePort(): Promise<number> {
  for (let tried = 0; tried < TRIES; tried += 1) {
    const port = FIRST + Math.floor(Math.random() * (LAST - FIRST));
    if (taken.has(port)) continue;
    taken.add(port);
    if (await isFree(port)) return port;
    taken.delete(port);
  }
  throw new SetupError(
    'no-port',
    `no free port between ${FIRST} and ${LAST}`,
    'stop some of the programs that listen on ports',
  );
}

export function givePortsBack(ports: Iterable<number>): void {
  for (const port of ports) taken.delete(port);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}
