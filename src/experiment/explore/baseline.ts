/** What runs without failures look like, learnt from two of them. */

import type { FileEntry, Observation } from './observation.ts';
import { departure, learn, type Pattern } from './pattern.ts';

export type Baseline = Readonly<{
  exits: Observation['exits'];
  /** Null: undisturbed runs vary too much to be compared. */
  stdout: Pattern | null;
  stderr: Pattern | null;
  files: Files;
  /** The higher count in either run. */
  crashes: ReadonlyMap<string, number>;
  leftover: ReadonlyMap<string, number>;
  /** Of the slower run; null: nothing ran. */
  wallMs: number | null;
}>;

type Files = Readonly<{
  /** Files in both runs. `pattern` null: their content is not compared. */
  always: ReadonlyMap<string, Readonly<{ kind: FileEntry['kind']; pattern: Pattern | null; digest: string | null }>>;
  /** The other files: names that differ each time, and files that do not always exist. */
  sometimes: readonly VaryingName[];
}>;

/** `length`: of the whole name; null: any number of digits. */
type VaryingName = Readonly<{ prefix: string; suffix: string; length: number | null }>;

export function baselineOf(first: Observation, second: Observation): Baseline {
  return {
    exits: first.exits,
    stdout: learn(first.stdout, second.stdout),
    stderr: learn(first.stderr, second.stderr),
    files: filesOf(first.files, second.files),
    crashes: mostOf(first.crashes.map(crashName), second.crashes.map(crashName)),
    leftover: mostOf(first.leftover, second.leftover),
    wallMs: first.wallMs === null || second.wallMs === null ? null : Math.max(first.wallMs, second.wallMs),
  };
}

export function crashName({ comm, signal }: Observation['crashes'][number]): string {
  return `${comm ?? 'a process'} (${signal})`;
}

/** The `names` that occur more often than `known` says is usual. */
export function beyond(names: readonly string[], known: ReadonlyMap<string, number>): string[] {
  const seen = new Map<string, number>();
  return names.filter((name) => {
    const count = (seen.get(name) ?? 0) + 1;
    seen.set(name, count);
    return count > (known.get(name) ?? 0);
  });
}

/** Names in `files` that undisturbed runs do not leave. */
export function newFiles(files: Observation['files'], { always, sometimes }: Files): string[] {
  return [...files.keys()].filter((name) => !always.has(name) && !sometimes.some((one) => isOne(name, one)));
}

/** A file that is missing or has changed; null if none. */
export function changedFile(files: Observation['files'], { always }: Files): string | null {
  for (const [name, { kind, pattern, digest }] of always) {
    const now = files.get(name);
    if (now === undefined) return `${name} is missing`;
    if (now.kind !== kind) return `${name} is a ${now.kind}`;
    if (now.kind !== 'file') continue;
    if (
      digest !== null
        ? now.digest !== digest && !fitsText(now.text, pattern)
        : pattern !== null && !fitsText(now.text, pattern)
    )
      return `${name} differs`;
  }
  return null;
}

function fitsText(text: string | null, pattern: Pattern | null): boolean {
  return text !== null && pattern !== null && departure(text, pattern) === null;
}

function filesOf(first: Observation['files'], second: Observation['files']): Files {
  const always = new Map(
    [...first].flatMap(([name, entry]) => {
      const other = second.get(name);
      return other === undefined || other.kind !== entry.kind ? [] : [[name, together(entry, other)] as const];
    }),
  );
  const others = (files: Observation['files']): string[] => [...files.keys()].filter((name) => !always.has(name));
  return { always, sometimes: varyingNames(others(first), others(second)) };
}

function together(first: FileEntry, second: FileEntry) {
  const { kind } = first;
  if (first.kind !== 'file' || second.kind !== 'file') return { kind, pattern: null, digest: null };
  const pattern = first.text === null || second.text === null ? null : learn(first.text, second.text);
  return { kind, pattern, digest: first.digest === second.digest ? first.digest : null };
}

/** `tmp.Ab12Cd` in one run and `tmp.zX98Qr` in the other count as the same; a name in only one matches itself. */
function varyingNames(ours: readonly string[], theirs: readonly string[]): VaryingName[] {
  const pairs = ours.flatMap((name) => theirs.flatMap((other) => inCommon(name, other) ?? []));
  const alone = [...ours, ...theirs].filter((name) => !pairs.some((pair) => isOne(name, pair)));
  return [...pairs, ...alone.map((name) => ({ prefix: name, suffix: '', length: name.length }))];
}

/** Random names may share one or two characters at the start or end; sharing three is too unlikely. */
const SHARED_BY_CHANCE = 2;

function inCommon(name: string, other: string): VaryingName | null {
  const shorter = Math.min(name.length, other.length);
  let [start, end] = [0, 0];
  while (start < shorter && name[start] === other[start]) start += 1;
  while (end < shorter - start && name.at(-1 - end) === other.at(-1 - end)) end += 1;
  const middles = (): string[] => [name, other].map((one) => one.slice(start, one.length - end));
  const widen = (kind: RegExp, most: number): void => {
    for (let left = most; left > 0 && kind.test(name[start - 1] ?? ''); left--) start -= 1;
    for (let left = most; left > 0 && end > 0 && kind.test(name.at(-end) ?? ''); left--) end -= 1;
  };
  const isNumber = middles().every((middle) => /^\d*$/.test(middle));
  // Consecutive pids share most of their digits.
  widen(isNumber ? /\d/ : /\w/, isNumber ? Number.POSITIVE_INFINITY : SHARED_BY_CHANCE);
  const isSame = isNumber || name.length === other.length;
  return isSame && middles().every((middle) => (isNumber ? /^\d+$/ : /^\w+$/).test(middle))
    ? { prefix: name.slice(0, start), suffix: name.slice(name.length - end), length: isNumber ? null : name.length }
    : null;
}

function isOne(name: string, { prefix, suffix, length }: VaryingName): boolean {
  const middle = name.slice(prefix.length, name.length - suffix.length);
  return (
    name.startsWith(prefix) &&
    name.endsWith(suffix) &&
    (length === null ? /^\d+$/.test(middle) : name.length === length && !middle.includes('/'))
  );
}

function mostOf(first: readonly string[], second: readonly string[]): ReadonlyMap<string, number> {
  const [ours, theirs] = [first, second].map((names) => Map.groupBy(names, (name) => name));
  const all = new Set([...first, ...second]);
  return new Map(
    [...all].map((name) => [name, Math.max(ours?.get(name)?.length ?? 0, theirs?.get(name)?.length ?? 0)]),
  );
}
