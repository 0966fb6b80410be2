/**
 * Where the guest's input comes from. It is read only as the guest takes it: what fills the pipe in there and the ports
 * between (some hundred KiB) is taken in advance, as ssh does. A file is given back what the program left of it.
 */

import { spawnSync } from 'node:child_process';
import { read, readFileSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { chunksOf, reopen, whatIs } from './descriptor.ts';
import type { Terminal } from './terminal.ts';
import type { StreamKind } from './wire.ts';

const readFrom = promisify(read);
const CHUNK_BYTES = 64 * 1024;

export type InputSource = Readonly<{
  kind: StreamKind;
  /** Null: the end. One read at a time. */
  read: () => Promise<Buffer | null>;
  /** `taken`: how many of the bytes the program read; null: not known. Nothing of it keeps the process alive then. */
  close: (taken: number | null) => void;
}>;

/** `terminal`: the one that stdin is, opened; null where stdin is none. */
export function openSource(fd: number | null, terminal: Terminal | null): InputSource {
  if (fd === null) return nothing;
  if (terminal !== null) {
    return { kind: terminal.isRaw ? 'tty' : 'pipe', read: terminal.read, close: terminal.close };
  }
  switch (whatIs(fd)) {
    case 'null':
      return nothing;
    case 'file':
      return fromFile(fd);
    case 'pipe':
      return fromPipe(fd);
    case 'socket':
      return fd === 0 ? fromStream(process.stdin, leaveStdin) : fromDevice(fd);
    default:
      return fromDevice(fd);
  }
}

const nothing: InputSource = { kind: 'null', read: async () => null, close: () => {} };

function fromPipe(fd: number): InputSource {
  const own = reopen(fd, 'read');
  if (own === null) return fd === 0 ? fromStream(process.stdin, leaveStdin) : fromDevice(fd);
  const socket = new Socket({ fd: own, readable: true, writable: false });
  return fromStream(socket, () => void socket.destroy());
}

/** Not destroyed: others of this process may read on. */
function leaveStdin(): void {
  process.stdin.pause();
  (process.stdin as unknown as Partial<Socket>).unref?.();
}

function fromStream(stream: Readable, leave: () => void): InputSource {
  return { kind: 'pipe', read: chunksOf(stream), close: leave };
}

/** /dev/zero and the like. */
function fromDevice(fd: number): InputSource {
  return { kind: 'pipe', read: () => readChunk(fd, null), close: () => {} };
}

/**
 * Read at positions of ours, so that the offset, which the shell and other programs share, stays where it was; in the
 * end it is moved behind what the program took: `while read line; do kmem-run …; done < list` goes through its list.
 */
function fromFile(fd: number): InputSource {
  const start = positionOf(fd);
  let at = start;
  return {
    kind: 'smallpipe',
    read: async () => {
      const chunk = await readChunk(fd, at);
      at += chunk?.length ?? 0;
      return chunk;
    },
    close: (taken) => moveOffset(fd, Math.min(taken ?? Number.POSITIVE_INFINITY, at - start)),
  };
}

async function readChunk(fd: number, position: number | null): Promise<Buffer | null> {
  try {
    const { bytesRead, buffer } = await readFrom(fd, Buffer.allocUnsafe(CHUNK_BYTES), 0, CHUNK_BYTES, position);
    return bytesRead === 0 ? null : buffer.subarray(0, bytesRead);
  } catch {
    // Opened for writing only, or a folder: as good as its end.
    return null;
  }
}

/** proc_pid_fdinfo(5) */
function positionOf(fd: number): number {
  try {
    return Number(/^pos:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${fd}`, 'utf8'))?.[1] ?? 0);
  } catch {
    return 0;
  }
}

/** Node has no lseek(2); dd has: it skips on its stdin, and copies nothing. */
function moveOffset(fd: number, bytes: number): void {
  if (bytes === 0) return;
  spawnSync('dd', [`skip=${bytes}`, 'iflag=skip_bytes', 'count=0'], { stdio: [fd, 'ignore', 'ignore'] });
}
