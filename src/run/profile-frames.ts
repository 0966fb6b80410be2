/** The functions in the stacks of a profile. */

import { createSymbolReader, type NamesAt } from '../host/elf-symbols.ts';
import { type PerfMap, readPerfMap } from '../host/perf-map.ts';
import type { Profile } from '../result/schema.ts';

export type Frame = Profile['frames'][number];

export type Frames = Readonly<{ all: Frame[]; indexOf: (frame: Frame) => number }>;

/** Lists each frame once. */
export function createFrames(): Frames {
  const all: Frame[] = [];
  const indices = new Map<string, number>();
  return {
    all,
    indexOf: (frame) => {
      const key = JSON.stringify([frame.function, frame.file, frame.offset]);
      const known = indices.get(key);
      if (known !== undefined) return known;
      indices.set(key, all.length);
      return all.push(frame) - 1;
    },
  };
}

/** A program's stack, as the helper sends it: lines of OFFSET FILE or ADDRESS #PID UID, from the inside out. */
export type UserStack = Readonly<{
  lines: readonly string[];
  /** The first address is that of an instruction, not one to return to. */
  isInFault: boolean;
}>;

export type UserNames = (stack: UserStack) => readonly Frame[];

/** Reads each file once, for all of these stacks. */
export function namesFor(stacks: readonly UserStack[]): UserNames {
  const wanted = new Map<string, Set<number>>();
  for (const { file, at } of stacks.flatMap(placesIn)) {
    if (file === null) continue;
    const offsets = wanted.get(file) ?? new Set();
    wanted.set(file, offsets.add(at));
  }
  const read = createSymbolReader();
  const names = new Map<string, NamesAt>([...wanted].map(([file, offsets]) => [file, read(file, [...offsets])]));
  const maps = new Map<string, PerfMap>();
  const mapOf = ({ pid, owner }: Process): PerfMap => {
    const key = `${pid} ${owner}`;
    const map = maps.get(key) ?? readPerfMap(pid, owner);
    maps.set(key, map);
    return map;
  };
  return (stack) =>
    placesIn(stack).map(({ file, process, offset, at }) => {
      if (file !== null) return { function: names.get(file)?.get(at) ?? null, file, offset };
      return process === null ? NO_FILE : { ...NO_FILE, function: mapOf(process).nameAt(at) };
    });
}

const NO_FILE: Frame = { function: null, file: null, offset: null };

type Process = Readonly<{ pid: number; owner: number }>;

/**
 * `at`: an offset that is certainly in the function, or an address. Without a file and a process the place is unknown;
 * `process`: it has compiled the code.
 */
type Place = Readonly<{ file: string | null; process: Process | null; offset: number; at: number }>;

function placesIn({ lines, isInFault }: UserStack): readonly Place[] {
  return lines.map((line, index) => {
    const [, digits = '', where = '?'] = /^(?:0x)?([0-9a-f]+) (.+)$/is.exec(line) ?? [];
    const offset = Number.parseInt(digits, 16);
    if (where === '?' || !Number.isSafeInteger(offset)) return { file: null, process: null, offset: 0, at: 0 };
    // The call may be the last instruction of its function, so that the address after it belongs to the next one.
    const isCall = index > 0 || !isInFault;
    const at = isCall ? Math.max(0, offset - 1) : offset;
    const [, pid, owner] = /^#(\d+) (\d+)$/.exec(where) ?? [];
    if (pid === undefined) return { file: where, process: null, offset, at };
    return { file: null, process: { pid: Number(pid), owner: Number(owner) }, offset, at };
  });
}
