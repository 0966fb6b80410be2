import type { ChangedLimits, Limits } from '../request/run-spec.ts';
import { formatSize, roundToPage } from '../request/size.ts';
import { parseAmount, v1, v2 } from './files.ts';
import { readOrErrno, writeAndReadBack } from './limits.ts';
import type { Group } from './types.ts';

export type ChangeResult = Readonly<{
  /** In force now. */
  limits: Limits;
  /** Why nothing was changed; null if it was. */
  error: string | null;
  /** Restores the previous limits; null when done, otherwise the error. */
  undo: () => string | null;
}>;

/** `amount` null: no limit. */
type Write = Readonly<{ key: keyof Limits; path: string; amount: number | null }>;

/**
 * Changes the limits that are named, and reads each back. kmem is written only if `native`; otherwise it stays as in
 * `now`. Never throws if the kernel refuses a limit: the result says so.
 */
export function changeLimits(
  group: Group,
  now: Limits,
  asked: ChangedLimits,
  { native }: { native: boolean },
): ChangeResult {
  const changed = native ? asked : { ...asked, kmem: undefined };
  const next = merged(now, changed);
  const unable = whyNot(group, next, { native });
  if (unable !== null) return { limits: now, error: unable, undo: () => null };
  const isOfMemory = (key: keyof Limits): boolean => key === 'mem' || key === 'memsw';
  const changesMemory = changed.mem !== undefined || changed.memsw !== undefined;
  const isChanged = ({ key }: Write) => (isOfMemory(key) ? changesMemory : changed[key] !== undefined);
  const writes = writesFor(group, now, next).filter(isChanged);
  const done: (Write & { before: number | null })[] = [];
  const undo = (): string | null => {
    const backwards = done.splice(0).toReversed();
    const stuck = backwards.filter(({ path, before }) => !writeAndReadBack(path, before).holds);
    return stuck.length === 0 ? null : `${stuck.map(({ path }) => path).join(', ')} could not be restored`;
  };
  for (const write of writes) {
    const before = parseAmount(readOrErrno(write.path).text ?? '');
    const answer = writeAndReadBack(write.path, write.amount);
    if (answer.holds) {
      done.push({ ...write, before });
      continue;
    }
    const inUse = answer.errno === 'EBUSY' ? usageOf(write.path) : null;
    const why = inUse === null ? '' : `: ${formatSize(inUse)} are in use, and the kernel accepts no lower limit`;
    const changedAll = { ...now, ...Object.fromEntries(done.map(({ key }) => [key, next[key]])) };
    const stuck = undo();
    const error = `limit not set: ${answer.report}${why}${stuck === null ? '' : `; ${stuck}`}`;
    return { limits: stuck === null ? now : changedAll, error, undo: () => null };
  }
  return { limits: next, error: null, undo };
}

function merged(now: Limits, changed: ChangedLimits): Limits {
  const bytes = (key: keyof Limits): number | null => {
    const amount = changed[key];
    return amount === undefined ? now[key] : amount === null ? null : roundToPage(amount);
  };
  return {
    ...{ kmem: bytes('kmem'), mem: bytes('mem'), memsw: bytes('memsw'), kmemTcp: bytes('kmemTcp') },
    pids: changed.pids === undefined ? now.pids : changed.pids,
  };
}

function whyNot({ version, kmem: files, pids }: Group, next: Limits, { native }: { native: boolean }): string | null {
  const { kmem, mem, memsw, kmemTcp } = next;
  if (mem !== null && memsw !== null && mem > memsw)
    return `limit not set: the limit on memory and swap (${memsw}) is below the limit on memory (${mem})`;
  if (version === 2 && kmemTcp !== null)
    return 'limit not set: cgroup v2 has no limit on TCP buffers; they count as memory';
  if (files === null && native && kmem !== null) return 'limit not set: cgroup v2 has no limit on kernel memory';
  if (next.pids !== null && pids === null) return 'limit not set: the group is not in a pids hierarchy';
  return null;
}

/** In the order that the kernel accepts: on v1 memory never exceeds memory and swap together. */
function writesFor({ version, memory, kmem, pids }: Group, now: Limits, next: Limits): Write[] {
  const ram = next.mem ?? next.memsw;
  const hasSwap = now.memsw !== null || next.memsw !== null;
  const forPids: Write[] = pids === null ? [] : [{ key: 'pids', path: `${pids}/${v1.pids.limit}`, amount: next.pids }];
  const forKmem: Write[] = kmem === null ? [] : [{ key: 'kmem', path: `${kmem}/${v1.kmem.limit}`, amount: next.kmem }];
  if (version === 2) {
    const swap = next.memsw === null ? null : next.memsw - (ram ?? 0);
    return [
      { key: 'mem', path: `${memory}/${v2.limit}`, amount: ram },
      ...(hasSwap ? [{ key: 'memsw', path: `${memory}/${v2.swap.limit}`, amount: swap } as const] : []),
      ...forKmem,
      ...forPids,
    ];
  }
  const mem: Write = { key: 'mem', path: `${memory}/${v1.mem.limit}`, amount: ram };
  const both: Write[] = hasSwap ? [{ key: 'memsw', path: `${memory}/${v1.memsw.limit}`, amount: next.memsw }] : [];
  const raises = next.memsw === null || (now.memsw !== null && next.memsw >= now.memsw);
  return [
    ...(raises ? [...both, mem] : [mem, ...both]),
    { key: 'kmemTcp', path: `${memory}/${v1.kmemTcp.limit}`, amount: next.kmemTcp },
    ...forKmem,
    ...forPids,
  ];
}

/** The usage for a v1 limit; null: not such a limit, or unreadable. */
function usageOf(path: string): number | null {
  const file = path.replace(/limit_in_bytes$/, 'usage_in_bytes');
  return file === path ? null : parseAmount(readOrErrno(file).text ?? '');
}
