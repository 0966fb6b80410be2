/**
 * Names of functions that a program has compiled at run time, from the file that it writes for perf: /tmp/perf-PID.map
 * (tools/perf/Documentation/jit-interface.txt in the kernel's source). Nothing in the file is trusted.
 */

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';

export type PerfMap = Readonly<{
  /** Null: no function is known there. */
  nameAt: (address: number) => string | null;
}>;

const MOST_BYTES = 64 * 2 ** 20;
const NAME_CHARACTERS = 200;

type Entry = Readonly<{ start: number; end: number; name: string }>;

/** `owner`: the user that the file has to belong to. A file that cannot be read has no names. */
export function readPerfMap(pid: number, owner: number, folder = '/tmp'): PerfMap {
  const text = readOwned(`${folder}/perf-${pid}.map`, owner);
  return parsePerfMap(text ?? '');
}

/** Of entries that overlap, the later one counts: code is moved, and its place is used again. */
export function parsePerfMap(text: string): PerfMap {
  const entries = text.split('\n').flatMap(entryOf).reverse();
  const known = new Map<number, string | null>();
  return {
    nameAt: (address) => {
      const found = known.get(address);
      if (found !== undefined) return found;
      const entry = entries.find(({ start, end }) => start <= address && address < end);
      known.set(address, entry?.name ?? null);
      return entry?.name ?? null;
    },
  };
}

function entryOf(line: string): Entry[] {
  const [, from = '', bytes = '', name = ''] = /^([0-9a-f]{1,16}) ([0-9a-f]{1,16}) (.+)$/i.exec(line) ?? [];
  const start = Number.parseInt(from, 16);
  const end = start + Number.parseInt(bytes, 16);
  return Number.isSafeInteger(end) ? [{ start, end, name: name.slice(0, NAME_CHARACTERS) }] : [];
}

function readOwned(file: string, owner: number): string | null {
  let fd: number;
  try {
    // The folder is open to all users: a link could lead anywhere, and opening a FIFO would wait for a writer.
    fd = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY);
  } catch {
    return null;
  }
  try {
    const status = fstatSync(fd);
    if (!status.isFile() || status.uid !== owner) return null;
    const content = Buffer.alloc(Math.min(status.size, MOST_BYTES));
    return content.subarray(0, readSync(fd, content, 0, content.length, 0)).toString();
  } catch {
    return null;
  } finally {
    closeSync(fd);
  }
}
