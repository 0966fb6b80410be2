import { closeSync, fstatSync, openSync, readSync, unlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import { openPlace, type Place } from '../host/open-place.ts';
import { writeAll } from '../host/write-all.ts';
import { textOf } from '../text/bytes.ts';

const CHUNK_BYTES = 256 * 1024;
const TAIL_EVERY_MS = 10;

/** A stream that an expectation reads: an unnamed file, forwarded as it grows. */
export type Capture = Readonly<{
  /** For the command to write to. */
  fd: number;
  /** Device and inode, to identify who writes to it. */
  identity: Readonly<{ dev: number; ino: number }>;
  /** True once nobody reads the copy (EPIPE): the writers should be notified. */
  isBroken: () => boolean;
  /** Copies what is available, and resolves when everything written by then is copied. */
  drain: () => Promise<void>;
  /** The first and the last 64 KiB, with `…` between them if bytes are left out. */
  text: () => string;
  /** The same for output from now on, with 16 KiB, until it is released. */
  part: () => Part;
  close: () => void;
}>;

export type Part = Readonly<{ text: () => string; letGo: () => void }>;

/** `sink`: the descriptor to which it is forwarded. @throws SetupError `no-capture` */
export function openCapture(sink: number): Capture {
  const { writer, reader } = openUnnamed();
  const { dev, ino } = fstatSync(reader);
  const kept = keepEnds(KEPT_OF_RUN);
  const parts = new Set<Ends>();
  let position = 0;
  let broken = false;
  let closed = false;
  const buffer = Buffer.allocUnsafe(CHUNK_BYTES);

  const copyOnce = async (): Promise<boolean> => {
    const length = readSync(reader, buffer, 0, buffer.length, position);
    if (length === 0) return false;
    position += length;
    const chunk = buffer.subarray(0, length);
    kept.add(chunk);
    for (const part of parts) part.add(chunk);
    if (!broken) broken = !(await writeAll(sink, chunk));
    return true;
  };
  let copying: Promise<void> | null = null;
  const copyAll = async (): Promise<void> => {
    while (!closed && (await copyOnce()));
  };
  const copy = (): Promise<void> => {
    copying ??= copyAll().finally(() => {
      copying = null;
    });
    return copying;
  };
  const timer = setInterval(() => void copy(), TAIL_EVERY_MS);
  timer.unref();

  return {
    fd: writer,
    identity: { dev, ino },
    isBroken: () => broken,
    drain: async () => {
      await copy();
      await copy();
    },
    text: kept.text,
    part: () => {
      const part = keepEnds(KEPT_OF_STEP);
      parts.add(part);
      return { text: part.text, letGo: () => void parts.delete(part) };
    },
    close: () => {
      closed = true;
      clearInterval(timer);
      closeSync(writer);
      closeSync(reader);
    },
  };
}

function openUnnamed(): { writer: number; reader: number } {
  let place: Place | null = null;
  try {
    place = openPlace(join(tmpdir(), `kmem-run-${process.pid}-${Math.random().toString(36).slice(2)}`));
    const writer = openSync(place.path, 'ax', 0o600);
    // No name is left behind, however the run ends.
    unlinkSync(place.path);
    return { writer, reader: openSync(`/proc/self/fd/${writer}`, 'r') };
  } catch (error) {
    throw new SetupError(
      'no-capture',
      `cannot create a file for the command's output in ${tmpdir()} (${errnoOf(error)})`,
      'set TMPDIR to a writable folder with free space',
      { cause: error },
    );
  } finally {
    place?.close();
  }
}

/** For the streams of a run, and of each of its steps. */
export const KEPT_OF_RUN = 64 * 1024;

export const KEPT_OF_STEP = 16 * 1024;

/** The retained part of a stream that an expectation reads. */
export type Ends = Readonly<{
  add: (chunk: Buffer) => void;
  /** The first and the last bytes, with `…` between them if bytes are left out. */
  text: () => string;
}>;

/** `kept` bytes of each end, in two buffers of fixed size: a gigabyte of output leaves no garbage behind. */
export function keepEnds(kept: number): Ends {
  const head = Buffer.alloc(kept);
  const tail = Buffer.alloc(kept);
  let total = 0;
  return {
    add: (chunk) => {
      const inHead = total < kept ? chunk.copy(head, total) : 0;
      const rest = chunk.subarray(inHead).subarray(-kept);
      tail.copyWithin(0, rest.length);
      rest.copy(tail, kept - rest.length);
      total += chunk.length;
    },
    text: () => {
      const first = head.subarray(0, Math.min(total, kept));
      const last = tail.subarray(Math.max(0, 2 * kept - total));
      // Joined, so that a character that spans both stays whole.
      if (total <= 2 * kept) return textOf(Buffer.concat([first, last]));
      return `${textOf(first)}\n…\n${textOf(last)}`;
    },
  };
}
