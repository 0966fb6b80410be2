/** A run's profile as a page carries it: each name, each function and each stack once. */

import type { Profile, ProfileRow } from '../../result/schema.ts';

/** Indices into `texts`, `frames` and `stacks`; -1: none. */
export type PackedRow = readonly [
  kind: ProfileRow['kind'],
  what: number,
  cache: number,
  comm: number,
  call: number,
  isCounted: 0 | 1,
  peakObjects: number,
  peakBytes: number,
  endObjects: number,
  endBytes: number,
  totalObjects: number,
  totalBytes: number,
  kernel: number,
  user: number,
];

export type ProfileData = Readonly<{
  id: string;
  texts: readonly string[];
  /** Function, or file and offset if the file does not name it; empty: neither is known. And the file. */
  frames: readonly (readonly [name: string, file: number])[];
  /** Sorted, from the outside in. The first number: how many functions are those of the stack before. */
  stacks: readonly (readonly number[])[];
  /** Largest at the peak first. */
  rows: readonly PackedRow[];
  cut: Profile['cut'];
  /** Of the group's counter; null: not known. */
  usage: Readonly<{ peak: number | null; end: number | null }>;
  /** How many rows have no stacks because the page would be too large. */
  rowsWithoutStacks: number;
}>;

/** Leaves enough of 3 MB for the page's script and its other data. */
const MOST_BYTES = 1_800_000;

export function profileDataOf(profile: Profile, id: string, most = MOST_BYTES): ProfileData {
  for (let withStacks = profile.rows.length; ; withStacks = Math.floor(withStacks / 2)) {
    const data = packed(profile, id, withStacks);
    if (withStacks === 0 || bytesInPage(data) <= most) return data;
  }
}

/** From the outside in, as indices into `frames`. */
export function stacksOf({ stacks }: Pick<ProfileData, 'stacks'>): number[][] {
  let last: number[] = [];
  return stacks.map(([shared = 0, ...rest]) => {
    last = [...last.slice(0, shared), ...rest];
    return last;
  });
}

/** What allocated it, if it was not a system call that is known. */
export function callName({ call, origin }: Pick<ProfileRow, 'call' | 'origin'>): string {
  if (call !== null) return call;
  return { call: 'unknown system call', fault: 'page fault', other: 'no system call' }[origin];
}

function packed(profile: Profile, id: string, withStacks: number): ProfileData {
  const texts = indexed<string>();
  const frames = indexed<readonly [name: string, file: number]>();
  const textOf = (text: string | null): number => (text === null ? -1 : texts.indexOf(text, text));
  // Calls in one function differ in their offsets only, and are one box.
  const frameNumbers = profile.frames.map(({ function: name, file, offset }) => {
    const inFile = offset === null ? '' : `+0x${offset.toString(16)}`;
    const shown = name ?? (file === null ? '' : `${file.slice(file.lastIndexOf('/') + 1)}${inFile}`);
    return { key: `${file}\0${shown}`, shown, file };
  });
  const stackOf = (stack: readonly number[]): number[] =>
    stack.toReversed().map((number) => {
      const { key, shown, file } = frameNumbers[number] ?? { key: '', shown: '', file: null };
      return frames.indexOf([shown, textOf(file)], key);
    });
  const rowStacks = profile.rows.map(({ kernel, user }, at) =>
    at < withStacks ? { kernel: stackOf(kernel), user: stackOf(user) } : { kernel: [], user: [] },
  );
  const sorted = [
    ...new Map(rowStacks.flatMap(({ kernel, user }) => [kernel, user]).map((stack) => [stack.join(), stack])).values(),
  ].toSorted(compareStacks);
  const stackNumbers = new Map(sorted.map((stack, at) => [stack.join(), at]));
  const numberOf = (stack: readonly number[]): number => stackNumbers.get(stack.join()) ?? -1;
  const rows = profile.rows.map((row, at): PackedRow => {
    const { kernel, user } = rowStacks[at] ?? { kernel: [], user: [] };
    return [
      row.kind,
      textOf(row.what),
      textOf(row.cache),
      textOf(row.comm),
      textOf(callName(row)),
      row.isCounted ? 1 : 0,
      ...([row.atPeak.objects, row.atPeak.bytes, row.atEnd.objects, row.atEnd.bytes] as const),
      ...([row.total.objects, row.total.bytes] as const),
      numberOf(kernel),
      numberOf(user),
    ];
  });
  return {
    id,
    texts: texts.list,
    frames: frames.list,
    stacks: sorted.map((stack, at) => {
      const shared = sharedLength(sorted[at - 1] ?? [], stack);
      return [shared, ...stack.slice(shared)];
    }),
    rows,
    cut: profile.cut,
    usage: { peak: profile.peak.usage, end: profile.end.usage },
    rowsWithoutStacks: profile.rows.slice(withStacks).filter(({ kernel, user }) => kernel.length + user.length > 0)
      .length,
  };
}

function indexed<T>(): { list: T[]; indexOf: (value: T, key: string) => number } {
  const list: T[] = [];
  const numbers = new Map<string, number>();
  const indexOf = (value: T, key: string): number => {
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, list.length);
    return list.push(value) - 1;
  };
  return { list, indexOf };
}

function compareStacks(a: readonly number[], b: readonly number[]): number {
  const shared = sharedLength(a, b);
  return (a[shared] ?? -1) - (b[shared] ?? -1);
}

function sharedLength(a: readonly number[], b: readonly number[]): number {
  let length = 0;
  while (length < Math.min(a.length, b.length) && a[length] === b[length]) length += 1;
  return length;
}

/** Markup that ends a script element is written as escapes of six bytes (embeddedJson). */
function bytesInPage(data: ProfileData): number {
  const text = JSON.stringify(data);
  return new TextEncoder().encode(text).length + 5 * (text.match(/[<>&]/g)?.length ?? 0);
}
