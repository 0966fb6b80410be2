/**
 * Who may ask: whoever has the token, by the address that was printed, for reading.
 *
 * Any page that the user has open can send requests to 127.0.0.1, and a name of its own can be made to point there (DNS
 * rebinding). It does not know the token, which only stands in the address; and it cannot send another name than its own
 * in `Host`.
 */

import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';

export type GuardedRequest = Readonly<{
  /** The parts of the path after the token. */
  path: readonly string[];
  query: URLSearchParams;
}>;

export type HttpRefusal = Readonly<{ status: number; reason: string; headers?: Readonly<Record<string, string>> }>;

export type Door = Readonly<{ token: string; port: number }>;

type Request = Pick<IncomingMessage, 'method' | 'url' | 'headers'>;

const METHODS = ['GET', 'HEAD'];

export function admit({ method = '', url = '', headers }: Request, door: Door): GuardedRequest | HttpRefusal {
  const hosts = [`127.0.0.1:${door.port}`, `localhost:${door.port}`];
  if (!hosts.includes(headers.host ?? '')) return refusal(421, 'unknown host name');
  const [pathname = '', ...rest] = url.split('?');
  const [root, token = '', ...words] = pathname.split('/');
  // An absolute address, as sent to a proxy, has no empty beginning.
  if (root !== '' || !isToken(token, door.token)) return refusal(403, 'the address has no valid token');
  if (isForeign(headers, hosts)) return refusal(403, 'the request comes from another page');
  if (!METHODS.includes(method)) return refusal(405, 'this server is read-only', { allow: METHODS.join(', ') });
  const path = words.map(decoded);
  if (path.includes(null)) return refusal(400, 'malformed address');
  return { path: path as string[], query: new URLSearchParams(rest.join('?')) };
}

/** In constant time, so as not to reveal how much of it is right. */
function isToken(given: string, token: string): boolean {
  const hash = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(hash(given), hash(token));
}

/** A link may lead here from anywhere; a page's own loads may not. */
function isForeign(headers: Request['headers'], hosts: readonly string[]): boolean {
  const { origin } = headers;
  if (origin !== undefined && !hosts.some((host) => origin === `http://${host}`)) return true;
  const site = headers['sec-fetch-site'] ?? 'none';
  return site !== 'none' && site !== 'same-origin' && headers['sec-fetch-mode'] !== 'navigate';
}

function decoded(word: string): string | null {
  try {
    return decodeURIComponent(word);
  } catch {
    return null;
  }
}

function refusal(status: number, reason: string, headers: Readonly<Record<string, string>> = {}): HttpRefusal {
  return { status, reason, headers };
}
