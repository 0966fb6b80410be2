/** The functions in the stacks of a profile. */

import { createSymbolReader, type NamesAt } from '../host/elf-symbols.ts';
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

/** A program's stack, as the helper sends it: lines of OFFSET FILE, from the inside out. */
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
  return (stack) =>
    placesIn(stack).map(({ file, offset, at }) =>
      file === null ? NO_FILE : { function: names.get(file)?.get(at) ?? null, file, offset },
    );
}

const NO_FILE: Frame = { function: null, file: null, offset: null };

/** `at`: an offset that is certainly in the function. */
type Place = Readonly<{ file: string | null; offset: number; at: number }>;

function placesIn({ lines, isInFault }: UserStack): readonly Place[] {
  return lines.map((line, index) => {
    const [, digits = '', file = '?'] = /^(?:0x)?([0-9a-f]+) (.+)$/is.exec(line) ?? [];
    const offset = Number.parseInt(digits, 16);
    if (file === '?' || !Number.isSafeInteger(offset)) return { file: null, offset: 0, at: 0 };
    // The call may be the last instruction of its function, so that the address after it belongs to the next one.
    const isCall = index > 0 || !isInFault;
    return { file, offset, at: isCall ? Math.max(0, offset - 1) : offset };
  });
}
