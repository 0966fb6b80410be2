/** What grew between the profiles of two sets of runs. Pure. */

import { frameName, originText, stackRows } from '../result/profile-parts.ts';
import type { Profile } from '../result/schema.ts';
import { spreadOf } from './spread.ts';

/** The compared part of a profile: what was live at the peak. */
export type ProfileSample = Readonly<{
  parts: readonly SampledPart[];
  /** Bytes of rows that the result does not list. */
  unlisted: number;
}>;

type SampledPart = Readonly<{
  what: string;
  /** System call, or `page faults`; null: neither, or unknown. */
  by: string | null;
  isCounted: boolean;
  /** `stack` is the program's. */
  isLocated: boolean;
  /** Of the program, otherwise of the kernel; from the inside out. Empty: not known. */
  stack: readonly string[];
  bytes: number;
}>;

/** Medians over the runs, in bytes. */
export type GrownPart = Readonly<{ what: string; by: string | null; stack: readonly string[]; a: number; b: number }>;

export type Growth = Readonly<{
  /** By what it is and the call; the stacks are empty. */
  kinds: readonly GrownPart[];
  /** By stack as well, unless the program's stack is known for only some of what a kind consists of. */
  stacks: readonly GrownPart[];
  /** Names of what is not compared, because its releases may not have been seen. */
  unseen: readonly string[];
  /** Bytes that the results do not list: a growth may be wrong by as much. */
  unlisted: Readonly<{ a: number; b: number }>;
}>;

export function profileSampleOf(profile: Profile): ProfileSample {
  const parts = stackRows(profile, 'peak').map(({ user, kernel, amount, ...row }) => ({
    what: row.what,
    by: originText(row),
    isCounted: row.isCounted,
    isLocated: user.length > 0,
    stack: (user.length > 0 ? user : kernel).map(frameName),
    bytes: amount.bytes,
  }));
  return { parts, unlisted: profile.cut.atPeak.bytes };
}

/** Null unless both sides have a profile. Runs without one are ignored. */
export function growthOf(a: readonly (ProfileSample | null)[], b: readonly (ProfileSample | null)[]): Growth | null {
  const [ours, theirs] = [a.filter((one) => one !== null), b.filter((one) => one !== null)];
  if (ours.length === 0 || theirs.length === 0) return null;
  const all = [...ours, ...theirs].flatMap(({ parts }) => parts);
  const unseen = new Map(all.filter(({ isCounted }) => !isCounted).map((part) => [kindOf(part), part.what]));
  const isCompared = (part: SampledPart) => !unseen.has(kindOf(part));
  // Otherwise what was located on one side only would look like growth.
  const located = new Set(all.filter((part) => part.isLocated).map(kindOf));
  const partly = new Set(
    all
      .filter((part) => !part.isLocated)
      .map(kindOf)
      .filter((kind) => located.has(kind)),
  );
  const unlisted = { a: medianOf(ours.map((one) => one.unlisted)), b: medianOf(theirs.map((one) => one.unlisted)) };
  const grown = (keyOf: (part: SampledPart) => string, isListed: (part: SampledPart) => boolean) =>
    comparedParts(ours, theirs, keyOf, isListed).filter((part) => part.b - part.a > unlisted.a);
  return {
    kinds: grown(kindOf, isCompared).map((part) => ({ ...part, stack: [] })),
    stacks: grown(stackOf, (part) => isCompared(part) && part.stack.length > 0 && !partly.has(kindOf(part))),
    unseen: [...new Set(unseen.values())],
    unlisted,
  };
}

function kindOf({ what, by }: SampledPart): string {
  return JSON.stringify([what, by]);
}

function stackOf({ what, by, stack }: SampledPart): string {
  return JSON.stringify([what, by, ...stack]);
}

/** The largest growth first, then what did not grow. A run without such a part has 0 bytes of it. */
function comparedParts(
  a: readonly ProfileSample[],
  b: readonly ProfileSample[],
  keyOf: (part: SampledPart) => string,
  isListed: (part: SampledPart) => boolean,
): GrownPart[] {
  const found = new Map<string, SampledPart>();
  const sumsOf = ({ parts }: ProfileSample) => {
    const sums = new Map<string, number>();
    for (const part of parts.filter(isListed)) {
      const key = keyOf(part);
      if (!found.has(key)) found.set(key, part);
      sums.set(key, (sums.get(key) ?? 0) + part.bytes);
    }
    return sums;
  };
  const [ours, theirs] = [a.map(sumsOf), b.map(sumsOf)];
  const median = (runs: readonly Map<string, number>[], key: string) =>
    medianOf(runs.map((sums) => sums.get(key) ?? 0));
  return [...found]
    .map(([key, { what, by, stack }]) => ({ what, by, stack, a: median(ours, key), b: median(theirs, key) }))
    .toSorted((x, y) => y.b - y.a - (x.b - x.a));
}

function medianOf(values: readonly number[]): number {
  return spreadOf(values)?.median ?? 0;
}
