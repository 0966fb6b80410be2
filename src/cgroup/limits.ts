import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { errnoOf, SetupError } from '../errors.ts';
import type { Limits } from '../request/run-spec.ts';
import { roundToPage } from '../request/size.ts';
import { parseAmount, tryControl, v1, v2, writeControl } from './files.ts';
import type { Group } from './types.ts';

/**
 * Writes the requested limits, reads each back, and returns them as the kernel now has them: bytes, and a count for
 * pids; null if not requested. kmem is written only if `native`, and is null otherwise. The group must be empty.
 * @throws SetupError `limit-not-set`, or `native-not-enforced`.
 */
export function applyLimits(group: Group, limits: Limits, { native }: { native: boolean }): Limits {
  const memoryLimits = group.version === 1 ? applyV1(group.memory, limits) : applyV2(group.memory, limits);
  return {
    ...memoryLimits,
    pids: ifAsked(limits.pids, (asked) => setPids(group, asked)),
    kmem: native ? ifAsked(limits.kmem, (asked) => setNativeKmem(group, asked)) : null,
  };
}

type MemoryLimits = Pick<Limits, 'mem' | 'memsw' | 'kmemTcp'>;

function applyV1(memory: string, limits: Limits): MemoryLimits {
  // Unless their limit is written, the kernel does not count TCP buffers at all (net/ipv4/tcp_memcontrol.c).
  if (limits.kmemTcp === null) tryControl(`${memory}/${v1.kmemTcp.limit}`, '-1');
  const mem = ifAsked(limits.mem, (asked) => set(`${memory}/${v1.mem.limit}`, roundToPage(asked), MEM));
  return {
    mem,
    memsw: ifAsked(limits.memsw, (asked) => setMemsw(memory, asked, mem !== null)),
    kmemTcp: ifAsked(limits.kmemTcp, (asked) => set(`${memory}/${v1.kmemTcp.limit}`, roundToPage(asked), KMEM_TCP)),
  };
}

/** v2 limits swap apart from memory, and TCP buffers not at all: they count as memory. */
function applyV2(memory: string, limits: Limits): MemoryLimits {
  if (limits.kmemTcp !== null)
    throw new SetupError('limit-not-set', 'cgroup v2 has no limit on TCP buffers; they count as memory', KMEM_TCP_V2);
  const mem = ifAsked(limits.mem, (asked) => set(`${memory}/${v2.limit}`, roundToPage(asked), MEM));
  return { mem, memsw: ifAsked(limits.memsw, (asked) => setSwap(memory, asked, mem)), kmemTcp: null };
}

/** Without a memory limit, one that leaves no swap enforces the limit on both together. */
function setSwap(memory: string, asked: number, mem: number | null): number {
  const bytes = roundToPage(asked);
  const ram = mem ?? set(`${memory}/${v2.limit}`, bytes, MEMSW);
  if (bytes < ram)
    throw new SetupError(
      'limit-not-set',
      `the limit on memory and swap (${bytes}) is below the limit on memory (${ram})`,
      MEMSW,
    );
  set(`${memory}/${v2.swap.limit}`, bytes - ram, MEMSW);
  return bytes;
}

export type AncestorLimit = Readonly<{
  directory: string;
  controller: 'memory' | 'pids';
  /** `memory.limit_in_bytes`, `memory.max`, `pids.max` … */
  file: string;
  /** Bytes, or tasks for `pids.max`. */
  limit: number;
}>;

/** The limits of the group's ancestors, nearest first, as far up as is mounted; unlimited ones are left out. */
export function readAncestorLimits(group: Group): AncestorLimit[] {
  const memoryFiles =
    group.version === 1 ? [v1.mem.limit, v1.memsw.limit, v1.kmem.limit, v1.kmemTcp.limit] : [v2.limit, v2.swap.limit];
  return [
    ...ancestorLimits(group.memory, 'memory', memoryFiles),
    ...(group.pids === null ? [] : ancestorLimits(group.pids, 'pids', [v1.pids.limit])),
  ];
}

const MEM = 'leave out --mem, or run kmem-run doctor';
const MEMSW = 'set --memsw to at least --mem, boot with swapaccount=1 if the file is missing, or leave out --memsw';
const KMEM_TCP = 'leave out --kmem-tcp, or run kmem-run doctor';
const KMEM_TCP_V2 = 'leave out --kmem-tcp, and use --mem';
const PIDS = 'leave out --pids, or run kmem-run doctor';

function ifAsked<T>(asked: number | null, apply: (asked: number) => T): T | null {
  return asked === null ? null : apply(asked);
}

/** The kernel requires mem ≤ memsw at all times; the mem limit set for that refuses nothing that memsw would allow. */
function setMemsw(memory: string, asked: number, hasMem: boolean): number {
  const bytes = roundToPage(asked);
  if (!hasMem) set(`${memory}/${v1.mem.limit}`, bytes, MEMSW);
  return set(`${memory}/${v1.memsw.limit}`, bytes, MEMSW);
}

function setPids({ pids }: Group, asked: number): number {
  if (pids !== null) return set(`${pids}/${v1.pids.limit}`, asked, PIDS);
  throw new SetupError('limit-not-set', `pids.max: asked ${asked}, but the group is not in a pids hierarchy`, PIDS);
}

/** From 5.16 the write fails, and from 6.6 it succeeds but does nothing: only the value read back shows this. */
function setNativeKmem({ kmem }: Group, asked: number): number {
  if (kmem === null)
    throw new SetupError(
      'native-not-enforced',
      'cgroup v2 has no limit on kernel memory',
      'use --enforce gate, or --kernel 5.10',
    );
  const path = `${kmem}/${v1.kmem.limit}`;
  const bytes = roundToPage(asked);
  const answer = writeAndReadBack(path, bytes);
  if (answer.holds) return bytes;
  throw new SetupError(
    'native-not-enforced',
    answer.errno === null
      ? `this kernel accepts writes to ${path} and ignores them: ${answer.report}`
      : `this kernel enforces no limit on kernel memory: ${answer.report}`,
    'use --enforce gate',
  );
}

function ancestorLimits(directory: string, controller: 'memory' | 'pids', files: readonly string[]): AncestorLimit[] {
  const found: AncestorLimit[] = [];
  // Every cgroup of the hierarchy has the first file, except, for pids.max, the root: the mount ends where it is
  // absent.
  for (let above = dirname(directory); ; above = dirname(above)) {
    const texts = files.map((file) => readOrErrno(`${above}/${file}`));
    if (texts[0]?.errno === 'ENOENT' || above === '/') return found;
    files.forEach((file, index) => {
      const limit = parseAmount(texts[index]?.text ?? '');
      if (limit !== null) found.push({ directory: above, controller, file, limit });
    });
  }
}

/** Writes a limit and reads it back. @throws SetupError `limit-not-set`. */
export function set(path: string, amount: number, hint: string): number {
  const answer = writeAndReadBack(path, amount);
  if (answer.holds) return amount;
  throw new SetupError('limit-not-set', `limit not set: ${answer.report}`, hint);
}

/** `report` contains the file, the requested value, the write's errno and the value read back. */
export type NativeLimitProbe = Readonly<{ holds: boolean; errno: string | null; report: string }>;

/** `amount` null: no limit. */
export function writeAndReadBack(path: string, amount: number | null): NativeLimitProbe {
  const errno = tryWrite(path, amount === null ? unlimitedIn(path) : String(amount));
  const { text, errno: readErrno } = readOrErrno(path);
  const found = text === null ? `cannot be read (${readErrno})` : `reads ${parseAmount(text) ?? 'unlimited'}`;
  const written = errno === null ? '' : `the write fails (${errno}), `;
  return {
    holds: errno === null && text !== null && parseAmount(text) === amount,
    errno,
    report: `${path}: asked ${amount ?? 'none'}, ${written}${found}`,
  };
}

function unlimitedIn(path: string): string {
  return path.endsWith('_in_bytes') ? '-1' : 'max';
}

function tryWrite(path: string, text: string): string | null {
  try {
    writeControl(path, text);
    return null;
  } catch (error) {
    return nameOf(error);
  }
}

/** ENOTSUPP (524) is internal to the kernel and has no name outside it; the limit returned it from 5.16 to 6.5. */
function nameOf(error: unknown): string {
  const { errno } = error as NodeJS.ErrnoException;
  return errno === -524 ? 'ENOTSUPP' : (errnoOf(error) ?? 'unknown error');
}

export function readOrErrno(path: string): { text: string | null; errno: string | null } {
  try {
    return { text: readFileSync(path, 'latin1'), errno: null };
  } catch (error) {
    return { text: null, errno: nameOf(error) };
  }
}
