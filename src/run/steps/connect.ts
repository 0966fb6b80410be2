/** Connections to what the run's programs listen on: in a guest, these have a network of their own. */

import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { helperArguments, helperPath, isInNamespaces } from '../../gate/helper.ts';
import { execa } from '../../host/execa.ts';

export type Endpoint = Readonly<{ host: string; port: number }>;

/** Resolves when it is connected. @throws Error with the errno in `code`; also when `signal` is aborted */
export async function connectTo(endpoint: Endpoint, signal: AbortSignal): Promise<Socket> {
  const socket = isInNamespaces() ? await connectWithin(endpoint, signal) : connect(endpoint);
  if (!socket.connecting) return socket;
  try {
    await once(socket, 'connect', { signal });
    return socket;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** By a helper that joins the network, and passes bytes on; its first byte is 0, or why it cannot be. */
async function connectWithin({ host, port }: Endpoint, signal: AbortSignal): Promise<Socket> {
  const { address } = await lookup(host);
  const helper = execa(helperPath(), helperArguments(['connect', address, String(port)]), {
    stdio: ['ignore', 'ignore', 'ignore', 'pipe'],
    buffer: false,
    cleanup: false,
    reject: false,
    env: {},
    extendEnv: false,
  });
  const socket = helper.stdio[3] as unknown as Socket;
  socket.once('close', () => helper.kill('SIGKILL'));
  try {
    await once(socket, 'readable', { signal });
    const answer = (socket.read(1) as Buffer | null)?.[0];
    if (answer === 0) return socket;
    const code = answer === undefined ? 'ECONNABORTED' : getSystemErrorName(-answer);
    throw Object.assign(new Error(code), { code });
  } catch (error) {
    socket.on('error', () => {}).destroy();
    throw error;
  }
}
