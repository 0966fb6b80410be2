import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import type { Limits } from '../spec/run-spec.ts';
import { roundToPage } from '../spec/size.ts';
import { parseAmount, v1, writeControl } from './files.ts';
import type { Group } from './types.ts';

/**
 * Writes the limits that were asked for, reads each back, and returns them as the kernel now has them: bytes, and a
 * count for pids; null where none was asked for. kmem is written only if `native`, and is null otherwise.
 * The group must be empty. Throws SetupError `limit-not-set`, or `native-not-enforced`.
 */
export function applyLimits(group: Group, limits: Limits, { native }: { native: boolean }): Limits {
  const { memory } = group;
  const mem = ifAsked(limits.mem, (asked) => set(`${memory}/${v1.mem.limit}`, roundToPage(asked), MEM));
  return {
    mem,
    memsw: ifAsked(limits.memsw, (asked) => setMemsw(memory, asked, mem !== null)),
    kmemTcp: ifAsked(limits.kmemTcp, (asked) => set(`${memory}/${v1.kmemTcp.limit}`, roundToPage(asked), KMEM_TCP)),
    pids: ifAsked(limits.pids, (asked) => setPids(group, asked)),
    kmem: native ? ifAsked(limits.kmem, (asked) => setNativeKmem(memory, asked)) : null,
  };
}

export type AncestorLimit = Readonly<{
  directory: string;
  controller: 'memory' | 'pids';
  /** `memory.limit_in_bytes`, `pids.max` … */
  file: string;
  /** Bytes, or tasks for `pids.max`. */
  limit: number;
}>;

/** The limits of the cgroups above the group, nearest first, as far up as is mounted; unlimited ones are left out. */
export function readAncestorLimits(group: Group): AncestorLimit[] {
  const memoryFiles = [v1.mem.limit, v1.memsw.limit, v1.kmem.limit, v1.kmemTcp.limit];
  return [
    ...ancestorLimits(group.memory, 'memory', memoryFiles),
    ...(group.pids === null ? [] : ancestorLimits(group.pids, 'pids', [v1.pids.limit])),
  ];
}

const MEM = 'leave out --mem, or see what kmem-run doctor says';
const MEMSW =
  'give --memsw at least as much as --mem, or boot with swapaccount=1 if the file is missing, or leave it out';
const KMEM_TCP = 'leave out --kmem-tcp, or see what kmem-run doctor says';
const PIDS = 'leave out --pids, or see what kmem-run doctor says';

function ifAsked<T>(asked: number | null, apply: (asked: number) => T): T | null {
  return asked === null ? null : apply(asked);
}

/** The kernel wants mem ≤ memsw at all times; the mem limit set for that refuses nothing that memsw would allow. */
function setMemsw(memory: string, asked: number, hasMem: boolean): number {
  const bytes = roundToPage(asked);
  if (!hasMem) set(`${memory}/${v1.mem.limit}`, bytes, MEMSW);
  return set(`${memory}/${v1.memsw.limit}`, bytes, MEMSW);
}

function setPids({ pids }: Group, asked: number): number {
  if (pids !== null) return set(`${pids}/${v1.pids.limit}`, asked, PIDS);
  throw new SetupError('limit-not-set', `pids.max: asked ${asked}, but the group joined no pids hierarchy`, PIDS);
}

/** From 5.16 on the write fails, and from 6.6 on it succeeds and does nothing: only what is read back tells. */
function setNativeKmem(memory: string, asked: number): number {
  const path = `${memory}/${v1.kmem.limit}`;
  const bytes = roundToPage(asked);
  const answer = writeAndReadBack(path, bytes);
  if (answer.holds) return bytes;
  throw new SetupError(
    'native-not-enforced',
    answer.errno === null
      ? `this kernel accepts a write to ${path} and does nothing: ${answer.report}`
      : `this kernel enforces no limit on kernel memory: ${answer.report}`,
    'use --enforce gate',
  );
}

function set(path: string, amount: number, hint: string): number {
  const answer = writeAndReadBack(path, amount);
  if (answer.holds) return amount;
  throw new SetupError('limit-not-set', `limit not set: ${answer.report}`, hint);
}

/** `report` names the file, what was asked, the write's errno and what is read back. */
type Answer = Readonly<{ holds: boolean; errno: string | null; report: string }>;

function writeAndReadBack(path: string, amount: number): Answer {
  const errno = tryWrite(path, String(amount));
  const { text, errno: readErrno } = readOrErrno(path);
  const found = text === null ? `cannot be read (${readErrno})` : `reads ${parseAmount(text) ?? 'unlimited'}`;
  const written = errno === null ? '' : `the write fails (${errno}), `;
  return {
    holds: errno === null && text !== null && parseAmount(text) === amount,
    errno,
    report: `${path}: asked ${amount}, ${written}${found}`,
  };
}

function tryWrite(path: string, text: string): string | null {
  try {
    writeControl(path, text);
    return null;
  } catch (error) {
    return nameOf(error);
  }
}

/** ENOTSUPP (524) is the kernel's own and has no name outside it; the limit gave it from 5.16 to 6.5. */
function nameOf(error: unknown): string {
  const { errno } = error as NodeJS.ErrnoException;
  return errno === -524 ? 'ENOTSUPP' : (errnoOf(error) ?? 'unknown error');
}

function ancestorLimits(directory: string, controller: 'memory' | 'pids', files: readonly string[]): AncestorLimit[] {
  const found: AncestorLimit[] = [];
  // The first file is in every cgroup of the hierarchy but, for pids.max, its root: where it is absent the mount ends.
  for (let above = dirname(directory); ; above = dirname(above)) {
    const texts = files.map((file) => readOrErrno(`${above}/${file}`));
    if (texts[0]?.errno === 'ENOENT' || above === '/') return found;
    files.forEach((file, index) => {
      const limit = parseAmount(texts[index]?.text ?? '');
      if (limit !== null) found.push({ directory: above, controller, file, limit });
    });
  }
}

function readOrErrno(path: string): { text: string | null; errno: string | null } {
  try {
    return { text: readFileSync(path, 'latin1'), errno: null };
  } catch (error) {
    return { text: null, errno: nameOf(error) };
  }
}
