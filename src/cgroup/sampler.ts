import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { kmemOf } from './counters.ts';
import { PROCS, parseAmount, runLeaf, v1, v2 } from './files.ts';
import { nestedGroups, pidsIn, readPids } from './nested.ts';
import type { Group } from './types.ts';

/** Bytes of kernel memory and of memory, and a count of processes; null if unreadable. */
export type GroupSample = Readonly<{ kmem: number | null; mem: number | null; processes: number | null }>;

export type Sampler = Readonly<{ read(): GroupSample; close(): void }>;

const CHUNK_BYTES = 16_384;
const NEWLINE = 10;
const UNREAD: GroupSample = { kmem: null, mem: null, processes: null };

/**
 * Reads a group every few milliseconds by files that it keeps open (on close-on-exec descriptors), until close().
 * Opening never throws: a missing file is null in every sample.
 */
export function openSampler(group: Group): Sampler {
  const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
  const { memory, version } = group;
  const kmem = open(`${memory}/${version === 1 ? v1.kmem.usage : v2.stat}`);
  const refresh = version === 1 ? null : open(`${memory}/${v2.cpuStat}`);
  const mem = open(`${memory}/${version === 1 ? v1.mem.usage : v2.current}`);
  const counted = version === 1 ? (group.unified ?? memory) : runLeaf(memory);
  const directory = open(counted);
  // v1 answers later reads of an open cgroup.procs from the first list: there it is opened each time.
  const procs = group.unified === null ? null : open(`${counted}/${PROCS}`);
  const descriptors = [kmem, refresh, mem, directory, procs].filter((descriptor) => descriptor !== null);
  return {
    read: () => {
      // A closed descriptor's number may be another file's by now.
      if (descriptors.length === 0) return UNREAD;
      return {
        kmem: version === 1 ? readAmount(kmem, chunk) : readStat(kmem, refresh, chunk),
        mem: readAmount(mem, chunk),
        processes: directory === null ? null : countProcesses(counted, directory, procs, chunk),
      };
    },
    close: () => {
      for (const descriptor of descriptors.splice(0)) closeSync(descriptor);
    },
  };
}

function countProcesses(path: string, directory: number, procs: number | null, chunk: Buffer): number | null {
  try {
    const own = procs === null ? readPids(path).length : countLines(procs, chunk);
    // As in nested.ts: the link count tells whether there are nested groups.
    if (fstatSync(directory).nlink === 2) return own;
    return nestedGroups(path).reduce((total, nested) => total + pidsIn(nested).length, own);
  } catch {
    return null;
  }
}

function countLines(descriptor: number, chunk: Buffer): number {
  let lines = 0;
  for (let position = 0; ; ) {
    const length = readSync(descriptor, chunk, 0, chunk.length, position);
    if (length === 0) return lines;
    for (let at = 0; at < length; at += 1) if (chunk[at] === NEWLINE) lines += 1;
    position += length;
  }
}

function readAmount(descriptor: number | null, chunk: Buffer): number | null {
  return parseAmount(readText(descriptor, chunk));
}

/** As in counters-v2.ts: the other file is read for its side effect. */
function readStat(stat: number | null, refresh: number | null, chunk: Buffer): number | null {
  readText(refresh, chunk);
  return kmemOf(readText(stat, chunk));
}

/** Empty if there is none. */
function readText(descriptor: number | null, chunk: Buffer): string {
  if (descriptor === null) return '';
  try {
    return chunk.toString('latin1', 0, readSync(descriptor, chunk, 0, chunk.length, 0));
  } catch {
    return '';
  }
}

function open(path: string): number | null {
  try {
    return openSync(path, 'r');
  } catch {
    return null;
  }
}
