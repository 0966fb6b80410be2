/** The rows of a profile, merged and added up for reports. Pure, and without the schema: pages in a browser use it too. */

import { counted, formatSize, groupDigits } from '../text/figures.ts';
import type { Profile, ProfileRow } from './schema.ts';

export type Amount = Readonly<{ objects: number; bytes: number }>;

/** At the highest usage, at the end of the run, or all that was allocated. */
export type Moment = 'peak' | 'end' | 'total';

/** Rows that differ only in their stacks, sizes, caches and allocating functions. */
export type MergedRow = Readonly<
  Pick<ProfileRow, 'kind' | 'what' | 'comm' | 'origin' | 'call' | 'isCounted'> & {
    /** Each once, in the order of the rows. */
    caches: readonly string[];
    peak: Amount;
    end: Amount;
    total: Amount;
  }
>;

/** A row with the frames that its stacks refer to, both from the inside out. */
export type StackRow = Readonly<
  Pick<ProfileRow, 'what' | 'comm' | 'origin' | 'call' | 'isCounted'> & {
    kernel: readonly Frame[];
    user: readonly Frame[];
    amount: Amount;
  }
>;

export type Frame = Profile['frames'][number];

const NONE: Amount = { objects: 0, bytes: 0 };
const UNKNOWN: Frame = { function: null, file: null, offset: null };

export function added(a: Amount, b: Amount): Amount {
  return { objects: a.objects + b.objects, bytes: a.bytes + b.bytes };
}

/** Largest at this moment first. */
export function mergedRows({ rows }: Pick<Profile, 'rows'>, at: Moment = 'peak'): MergedRow[] {
  const groups = Map.groupBy(rows, ({ kind, what, comm, origin, call, isCounted }) =>
    JSON.stringify([kind, what, comm, origin, call, isCounted]),
  );
  const merged = [...groups.values()].map(mergedRow);
  return merged.toSorted((a, b) => b[at].bytes - a[at].bytes || b.total.bytes - a.total.bytes);
}

function mergedRow(rows: readonly ProfileRow[]): MergedRow {
  const { kind, what, comm, origin, call, isCounted } = rows[0] as ProfileRow;
  const caches = new Set(rows.map(({ cache }) => cache).filter((cache) => cache !== null));
  const sum = (key: 'atPeak' | 'atEnd' | 'total') => rows.map((row) => row[key]).reduce(added, NONE);
  return {
    ...{ kind, what, comm, origin, call, isCounted, caches: [...caches] },
    ...{ peak: sum('atPeak'), end: sum('atEnd'), total: sum('total') },
  };
}

/** The rows that are largest at the peak, and the sum of all others that were live then; `name` null: there are none. */
export function largestAtPeak(
  profile: Pick<Profile, 'rows' | 'cut'>,
  count: number,
): Readonly<{ shown: readonly MergedRow[]; others: Amount & Readonly<{ name: string | null }> }> {
  const { cut } = profile;
  const live = mergedRows(profile).filter(({ peak }) => peak.bytes > 0);
  const others = live.slice(count);
  const isCut = cut.atPeak.bytes > 0;
  return {
    shown: live.slice(0, count),
    others: {
      ...others.map(({ peak }) => peak).reduce(added, isCut ? cut.atPeak : NONE),
      name: restName(others.length, isCut ? cut.rows : 0),
    },
  };
}

function restName(listed: number, cut: number | null): string | null {
  if (cut === null) return 'more rows (not counted)';
  return listed + cut === 0 ? null : counted(listed + cut, 'more row');
}

/** `12 rows not listed`; null: the result lists all. */
export function cutText({ rows }: Profile['cut']): string | null {
  if (rows === null) return 'rows not listed (not counted)';
  return rows === 0 ? null : `${counted(rows, 'row')} not listed`;
}

/**
 * `not explained: 12 KiB of 1.2 MiB (1 %)`: what the group's counter has beyond the rows; null: nothing, or it was not
 * read.
 */
export function unexplainedText({ usage, explained }: Profile['peak'] | Profile['end']): string | null {
  if (usage === null || usage === explained) return null;
  if (usage < explained) return `the rows add up to ${formatSize(explained - usage)} more than the counter`;
  const percent = Math.round((100 * (usage - explained)) / usage);
  const share = percent === 0 ? 'less than 1 %' : `${percent} %`;
  return `not explained: ${formatSize(usage - explained)} of ${formatSize(usage)} (${share})`;
}

/** Why figures may be wrong, one sentence each. */
export function profileDoubts({ untracked, missed }: Pick<Profile, 'untracked' | 'missed'>): string[] {
  return [
    ...(untracked === 0 ? [] : [`too many objects to track: the release of ${groupDigits(untracked)} was not seen`]),
    ...(missed === 0
      ? []
      : [`the profiler missed ${counted(missed, 'allocation or release', 'allocations or releases')}`]),
  ];
}

/** As the kernel and the program named them: `accept4`, or `page faults`; null: neither, or unknown. */
export function originText({ origin, call }: Pick<ProfileRow, 'origin' | 'call'>): string | null {
  return origin === 'fault' ? 'page faults' : call;
}

/** `by accept4 of apache2`. */
export function allocatorText(row: Pick<ProfileRow, 'origin' | 'call' | 'comm'>): string {
  const origin = originText(row);
  return origin === null ? `of ${row.comm}` : `by ${origin} of ${row.comm}`;
}

/** Rows with memory at this moment. */
export function stackRows({ rows, frames }: Pick<Profile, 'rows' | 'frames'>, at: Moment): StackRow[] {
  const key = ({ peak: 'atPeak', end: 'atEnd', total: 'total' } as const)[at];
  const framesOf = (indices: readonly number[]) => indices.map((index) => frames[index] ?? UNKNOWN);
  return rows
    .filter((row) => row[key].bytes > 0)
    .map(({ what, comm, origin, call, isCounted, kernel, user, ...row }) => ({
      ...{ what, comm, origin, call, isCounted, kernel: framesOf(kernel), user: framesOf(user) },
      amount: row[key],
    }));
}

/** The function, otherwise its place in its file. */
export function frameName({ function: name, file, offset }: Frame): string {
  if (name !== null && name !== '') return name;
  const base = file?.slice(file.lastIndexOf('/') + 1) ?? '';
  if (base === '') return '[unknown]';
  return offset === null ? base : `${base}+0x${offset.toString(16)}`;
}
