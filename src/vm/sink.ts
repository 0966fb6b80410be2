/** The destination of the guest's output: a descriptor or a function of the caller. */

import { closeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { writeAll } from '../host/write-all.ts';
import { reopen, whatIs } from './descriptor.ts';
import type { StreamKind } from './wire.ts';

/** False if nobody reads any more; the writers inside are then informed. The next bytes follow once it has answered. */
export type Writer = (chunk: Buffer) => boolean | Promise<boolean>;

/** A descriptor, a function that receives the bytes, or null to discard them. */
export type Target = number | Writer | null;

export type Sink = Readonly<{ kind: StreamKind; write: Writer; close: () => void }>;

/** `terminal`: whether the guest has one; otherwise a terminal on the host is a pipe inside. */
export function openSink(target: Target, { terminal }: { terminal: boolean }): Sink {
  if (target === null) return nowhere;
  if (typeof target === 'function') return { kind: 'smallpipe', write: target, close: () => {} };
  switch (whatIs(target)) {
    case 'null':
      return nowhere;
    case 'pipe':
      return toPipe(target);
    case 'socket':
      return toOwnStream(target);
    case 'terminal':
      return toTerminal(target, terminal);
    default:
      return { kind: 'smallpipe', write: (chunk) => writeAll(target, chunk), close: () => {} };
  }
}

const nowhere: Sink = { kind: 'null', write: () => true, close: () => {} };

function toPipe(target: number): Sink {
  try {
    const fd = reopen(target, 'write');
    if (fd === null) return toOwnStream(target);
    const socket = new Socket({ fd, readable: false, writable: true });
    // Each write reports it too.
    socket.on('error', () => {});
    return { kind: 'pipe', write: writerTo(socket), close: () => void socket.destroy() };
  } catch {
    return { kind: 'pipe', write: () => false, close: () => {} };
  }
}

/**
 * A descriptor that cannot be reopened (a socket, another user's pipe) is written by Node's own stream for it: a write
 * that waits in one of Node's threads would keep the process from exiting. Node undoes its changes to the descriptor at
 * exit.
 */
function toOwnStream(target: number): Sink {
  const stream = target === 1 ? process.stdout : target === 2 ? process.stderr : null;
  if (stream === null) return { kind: 'pipe', write: (chunk) => writeAll(target, chunk), close: () => {} };
  const ignore = (): void => {};
  stream.on('error', ignore);
  return { kind: 'pipe', write: writerTo(stream), close: () => void stream.off('error', ignore) };
}

function writerTo(stream: Writable): Writer {
  return (chunk) => new Promise((resolve) => stream.write(chunk, (error) => resolve(error == null)));
}

/** Not with a Node stream, which blocks the whole process while Ctrl-S halts the terminal. */
function toTerminal(target: number, terminal: boolean): Sink {
  const own = reopen(target, 'write');
  return {
    kind: terminal ? 'tty' : 'pipe',
    write: (chunk) => writeAll(own ?? target, chunk),
    close: () => {
      if (own !== null) closeSync(own);
    },
  };
}
