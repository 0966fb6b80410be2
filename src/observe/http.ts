/** A request by the runner itself: one connection, closed after the answer, so that the server keeps none. */

import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { errnoOf } from '../errors.ts';
import type { HttpStep } from '../spec/plan.ts';

const KEPT_BYTES = 16 * 1024;

export type Request = Pick<HttpStep, 'method' | 'url' | 'headers' | 'body'>;

export type Answer = Readonly<{
  /** Null: there was no answer, for `error`. */
  status: number | null;
  /** The first 16 KiB; null: no answer, or it broke off before its end. */
  body: string | null;
  error: string | null;
}>;

/** Rejects never. Of https the certificate is not looked at: what is asked is the experiment's own server. */
export async function ask(request: Request, signal: AbortSignal): Promise<Answer> {
  let status: number | null = null;
  try {
    const answer = await send(request, signal);
    status = answer.statusCode ?? null;
    return { status, body: await readBody(answer), error: null };
  } catch (error) {
    return { status, body: null, error: signal.aborted ? 'no answer in time' : reasonOf(error) };
  }
}

/** Loaded only then: most runs ask for nothing. */
async function send({ method, url, headers, body }: Request, signal: AbortSignal): Promise<IncomingMessage> {
  // Not import(): of that Node warns in a bundle that comes from its code cache.
  const { request } = process.getBuiltinModule(url.toLowerCase().startsWith('https:') ? 'node:https' : 'node:http');
  const options: RequestOptions & { rejectUnauthorized: boolean } = {
    method,
    headers: { ...headers, ...(body === null ? {} : { 'content-length': Buffer.byteLength(body) }) },
    agent: false,
    signal,
    rejectUnauthorized: false,
  };
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = request(url, options, resolve);
    sent.once('error', reject);
    sent.end(body ?? undefined);
  });
}

async function readBody(answer: IncomingMessage): Promise<string> {
  const kept: Buffer[] = [];
  let length = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    if (length < KEPT_BYTES) kept.push(chunk);
    length += chunk.length;
  }
  return Buffer.concat(kept).subarray(0, KEPT_BYTES).toString();
}

function reasonOf(error: unknown): string {
  return errnoOf(error) ?? (error instanceof Error ? error.message : String(error));
}
