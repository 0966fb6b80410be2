/** Serves on 127.0.0.1 until it is closed. */

import { randomBytes } from 'node:crypto';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { errnoOf, SetupError } from '../errors.ts';
import { admit, type Door, type GuardedRequest } from './guard.ts';

export type PageResponse = Readonly<{ status: number; type: string; body: string }>;

export type Serving = Readonly<{
  /** Includes the token. */
  address: string;
  close: () => Promise<void>;
}>;

const HOST = '127.0.0.1';
const TOKEN_BYTES = 24;

/** Headers of every answer. The page itself states what it may load and run. */
const HEADERS = {
  'cache-control': 'no-store',
  'content-security-policy': "frame-ancestors 'none'; base-uri 'none'; object-src 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
};

/** `port`: null for any free port. @throws SetupError `port-taken`, `port-refused`, `cannot-listen`. */
export async function serve(port: number | null, answer: (asked: GuardedRequest) => PageResponse): Promise<Serving> {
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const door: { token: string; port: number } = { token, port: 0 };
  const server = createServer((request, response) => reply({ request, response, door, answer }));
  await listening(server, port);
  door.port = (server.address() as AddressInfo).port;
  return {
    address: `http://${HOST}:${door.port}/${token}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // A browser keeps its connections open for minutes.
        server.closeAllConnections();
      }),
  };
}

type Exchange = Readonly<{
  request: IncomingMessage;
  response: ServerResponse;
  door: Door;
  answer: (asked: GuardedRequest) => PageResponse;
}>;

function reply({ request, response, door, answer }: Exchange): void {
  // The client has gone away.
  response.on('error', () => {});
  request.resume();
  const asked = admit(request, door);
  if (!('status' in asked) && asked.path.length === 0) {
    // Relative links need the trailing slash.
    response.writeHead(308, { ...HEADERS, location: `/${door.token}/`, 'content-length': 0 }).end();
    return;
  }
  const given =
    'status' in asked
      ? { status: asked.status, type: 'text/plain', body: `kmem-run: ${asked.reason}\n`, headers: asked.headers }
      : { ...answer(asked), headers: {} };
  const body = Buffer.from(given.body);
  response.writeHead(given.status, {
    ...HEADERS,
    'content-type': `${given.type}; charset=utf-8`,
    'content-length': body.length,
    ...given.headers,
  });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function listening(server: Server, port: number | null): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error) => reject(listenError(error, port)));
    server.listen({ host: HOST, port: port ?? 0, exclusive: true }, () => {
      server.removeAllListeners('error');
      resolve();
    });
  });
}

function listenError(error: unknown, port: number | null): SetupError {
  const errno = errnoOf(error);
  if (errno === 'EADDRINUSE') {
    return new SetupError(
      'port-taken',
      `port ${port} is in use`,
      `leave out --port for a free port, or find the program that uses it: ss -ltnp 'sport = :${port}'`,
      { cause: error },
    );
  }
  if (errno === 'EACCES') {
    return new SetupError(
      'port-refused',
      `port ${port} requires root, as do all ports below 1024`,
      'leave out --port for a free port, or use a port above 1023',
      { cause: error },
    );
  }
  return new SetupError(
    'cannot-listen',
    `cannot listen on ${HOST} (${errno})`,
    'bring the loopback interface up: ip link set lo up',
    { cause: error },
  );
}
