/** Polls until a condition that a step waits for is met. */

import { statSync } from 'node:fs';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { errnoOf } from '../../errors.ts';
import { isInNamespaces } from '../../gate/helper.ts';
import { matches } from '../../host/matches.ts';
import { readBounded, Unreadable } from '../../host/read-input.ts';
import type { Awaited, HttpStep } from '../../request/run-spec.ts';
import { textOf } from '../../text/bytes.ts';
import { formatDuration } from '../../text/figures.ts';
import { connectTo } from './connect.ts';

const LOOK_EVERY_MS = 20;
const LONGEST_LOOK_MS = 2000;

export type Waited = Readonly<{
  ms: number /** Why the condition was not met; null if it was. */;
  error: string | null;
}>;

export type ReadyWatch = Readonly<{
  /** The steps' output so far; for a `log` without a file. */
  written: () => Promise<string>;
  /** Why looking any longer is pointless; null if it is not. */
  givenUp: () => string | null;
}>;

/** Resolves when the condition is met, is not met in time, or is given up. Never rejects. */
export function waitFor(awaited: Awaited, { written, givenUp }: ReadyWatch): Promise<Waited> {
  const began = performance.now();
  return pollUntil(() => look(awaited, written), awaited.withinMs, givenUp).catch((error: unknown) => {
    if (!(error instanceof Hopeless)) throw error;
    return { ms: performance.now() - began, error: error.message };
  });
}

/** `look`: null if the condition is met; otherwise the obstacle. */
export async function pollUntil(
  look: () => Promise<string | null>,
  withinMs: number,
  givenUp: () => string | null,
): Promise<Waited> {
  const from = performance.now();
  for (;;) {
    const obstacle = await look();
    const ms = performance.now() - from;
    if (obstacle === null) return { ms, error: null };
    const reason = givenUp();
    // The condition may have been met meanwhile, by the last act of what ended.
    if (reason !== null) return { ms, error: (await look()) === null ? null : `${obstacle}: ${reason}` };
    if (ms >= withinMs) return { ms, error: `${obstacle} after ${formatDuration(withinMs)}` };
    await sleep(LOOK_EVERY_MS);
  }
}

async function look(awaited: Awaited, written: ReadyWatch['written']): Promise<string | null> {
  switch (awaited.until) {
    case 'port':
      return (await listens(awaited)) ? null : `nothing listens on ${awaited.host}:${awaited.port}`;
    case 'file':
      return isThere(awaited.file) ? null : `${awaited.file} does not exist`;
    case 'log':
      return lookInLog(awaited, written);
    case 'http': {
      const request = { method: 'GET', url: awaited.url, headers: {}, body: null };
      const { status, error } = await ask(request, AbortSignal.timeout(LONGEST_LOOK_MS));
      if (status !== null && status < 400) return null;
      return `${awaited.url} ${status === null ? `does not answer (${error})` : `answers ${status}`}`;
    }
  }
}

/** Why looking again is pointless. */
class Hopeless extends Error {}

const MOST_LOG_BYTES = 64 * 2 ** 20;

/** Null if it does not exist yet. */
function readLog(file: string): string | null {
  try {
    return readBounded(file, MOST_LOG_BYTES).toString();
  } catch (error) {
    if (!(error instanceof Unreadable)) throw error;
    if (error.errno !== null) return null;
    throw new Hopeless(`${file} cannot be read: ${error.message}`);
  }
}

async function lookInLog(
  { pattern, file }: Extract<Awaited, { until: 'log' }>,
  written: ReadyWatch['written'],
): Promise<string | null> {
  const where = file ?? 'the output';
  const text = file === null ? await written() : readLog(file);
  if (text === null) return `${where} cannot be read`;
  const found = matches(new RegExp(pattern, 'm'), text);
  if (found === null) throw new Hopeless(`matching /${pattern}/ with ${where} takes too long`);
  return found ? null : `no line of ${where} matches /${pattern}/`;
}

function listens({ host, port }: Extract<Awaited, { until: 'port' }>): Promise<boolean> {
  return connectTo({ host, port }, AbortSignal.timeout(LONGEST_LOOK_MS)).then(
    (socket) => {
      socket.destroy();
      return true;
    },
    () => false,
  );
}

function isThere(file: string): boolean {
  try {
    return statSync(file, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (errnoOf(error) === null) throw error;
    return false;
  }
}

const KEPT_BYTES = 16 * 1024;

export type HttpRequest = Pick<HttpStep, 'method' | 'url' | 'headers' | 'body'>;

export type HttpAnswer = Readonly<{
  /** Null if there was no answer; see `error`. */
  status: number | null;
  /** The first 16 KiB; null if there was no answer, or if it broke off early. */
  body: string | null;
  error: string | null;
}>;

/** Never rejects. The https certificate is not checked: the request goes to the experiment's own server. */
export async function ask(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  let status: number | null = null;
  try {
    const answer = await send(request, signal);
    status = answer.statusCode ?? null;
    return { status, body: await readBody(answer), error: null };
  } catch (error) {
    return { status, body: null, error: signal.aborted ? 'no answer in time' : reasonOf(error) };
  }
}

/** Loaded only then: most runs send no request. */
async function send({ method, url, headers, body }: HttpRequest, signal: AbortSignal): Promise<IncomingMessage> {
  // Not import(): Node warns about it in a bundle loaded from its code cache.
  const isSecure = url.toLowerCase().startsWith('https:');
  const { request } = process.getBuiltinModule(isSecure ? 'node:https' : 'node:http');
  const connection = isInNamespaces() ? await openConnection(new URL(url), isSecure, signal) : null;
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    method,
    headers: { ...headers, ...(body === null ? {} : { 'content-length': Buffer.byteLength(body) }) },
    ...(connection === null ? { agent: false } : { createConnection: () => connection }),
    signal,
    rejectUnauthorized: false,
  };
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = request(url, options, resolve);
    sent.once('error', reject);
    sent.end(body ?? undefined);
  });
}

async function openConnection({ hostname, port }: URL, isSecure: boolean, signal: AbortSignal): Promise<Socket> {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  const socket = await connectTo({ host, port: Number(port) || (isSecure ? 443 : 80) }, signal);
  const tls = process.getBuiltinModule('node:tls');
  return isSecure ? tls.connect({ socket, servername: host, rejectUnauthorized: false }) : socket;
}

async function readBody(answer: IncomingMessage): Promise<string> {
  const kept: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (length < KEPT_BYTES) kept.push(chunk);
    length += chunk.length;
  }
  return textOf(Buffer.concat(kept).subarray(0, KEPT_BYTES));
}

function reasonOf(error: unknown): string {
  return errnoOf(error) ?? (error instanceof Error ? error.message : String(error));
}
