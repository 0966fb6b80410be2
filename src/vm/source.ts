/**
 * The source of the guest's input. It is read only as fast as the guest consumes it, except for what fills the guest's
 * pipe and the ports between (some hundred KiB), as with ssh. What the program leaves of a file is given back.
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
  /** Null at the end. One read at a time. */
  read: () => Promise<Buffer | null>;
  /**
   * `taken`: how many of the bytes the program read; null if unknown. Afterwards the source does not keep the process
   * alive.
   */
  close: (taken: number | null) => void;
}>;

/** `terminal`: stdin's terminal, opened; null if stdin is not a terminal. */
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

/** Not destroyed: other code here may still read it. */
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
 * Read at explicit positions, so that the offset, which the shell and other programs share, does not move; at the end
 * it is set behind what the program read: `while read line; do kmem-run …; done < list` goes through its list.
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
    // Write-only, or a folder: treated as the end of input.
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

/** Node has no lseek(2), so dd does it: it skips on its stdin and copies nothing. */
function moveOffset(fd: number, bytes: number): void {
  if (bytes === 0) return;
  spawnSync('dd', [`skip=${bytes}`, 'iflag=skip_bytes', 'count=0'], { stdio: [fd, 'ignore', 'ignore'] });
}
