/** The text rows of a profile (`--profile`): what kernel memory consisted of at the peak. */

import {
  type Amount,
  allocatorText,
  cutText,
  largestAtPeak,
  type MergedRow,
  mergedRows,
  profileDoubts,
  unexplainedText,
} from '../../result/profile-parts.ts';
import type { Profile, Result } from '../../result/schema.ts';
import { counted, duration, groupDigits, shortSize } from '../../text/figures.ts';
import type { LabelledLines, Line } from '../../text/layout.ts';
import { cut } from '../../text/visible.ts';
import { aligned } from './rows.ts';

const LABEL = 'profile';
const SHOWN = 5;
const NAME_LENGTH = 60;
const BY_LENGTH = 60;

/** The largest rows at the peak. */
export function profileRows({ profile }: Pick<Result, 'profile'>): LabelledLines[] {
  // A result saved by a version without profiles lacks the key.
  if (profile == null) return [];
  const { shown, others } = largestAtPeak(profile, SHOWN);
  const lines = [
    head(profile),
    ...shown.map(rowText),
    ...(others.name === null ? [] : [`${others.name}: ${amountText(others)}`]),
    ...listed(unexplainedText(profile.peak)),
    ...doubtLines(profile),
  ];
  return [{ label: LABEL, lines }];
}

/** All rows, with all figures (`--verbose`). */
export function profileTable({ profile }: Pick<Result, 'profile'>): LabelledLines[] {
  if (profile == null) return [];
  const rows = mergedRows(profile).map((row) => [...figures(row.peak, row.end, row.total), nameText(row, true)]);
  const { cut: left } = profile;
  const unlisted = cutText(left);
  if (unlisted !== null) rows.push([...figures(left.atPeak, left.atEnd, left.total), unlisted]);
  const table = rows.length === 0 ? [] : aligned([['at peak', 'at end', 'total', ''], ...rows]);
  const lines = [
    head(profile),
    ...table.map((line) => line.trimEnd()),
    ...listed(unexplainedText(profile.peak)),
    ...listed(unexplainedText(profile.end)).map((text) => `at the end, ${text}`),
    ...doubtLines(profile),
  ];
  return [{ label: LABEL, lines }];
}

function head({ peak: { atMs, usage } }: Profile): string {
  if (atMs === null && usage === null) return 'no kernel memory was allocated';
  const figure = usage === null ? '' : ` of ${shortSize(usage)}`;
  return `at the peak${figure}${atMs === null ? '' : ` after ${duration(atMs)}`}:`;
}

/** `socket inode 412 KiB in 380 objects, by accept4 of apache2`. */
function rowText(row: MergedRow): string {
  return `${cut(row.what, NAME_LENGTH)} ${amountText(row.peak, row.kind)}, ${byText(row)}`;
}

function nameText(row: MergedRow, withCaches: boolean): string {
  const caches = withCaches && row.caches.length > 0 ? ` [${cut(row.caches.join(', '), NAME_LENGTH)}]` : '';
  return `${cut(row.what, NAME_LENGTH)}${caches}, ${byText(row)}`;
}

function byText(row: MergedRow): string {
  return `${cut(allocatorText(row), BY_LENGTH)}${row.isCounted ? '' : ' (releases not seen)'}`;
}

function amountText({ bytes, objects }: Amount, kind: MergedRow['kind'] = 'object'): string {
  return `${shortSize(bytes)} in ${counted(objects, kind === 'pages' ? 'allocation' : 'object')}`;
}

function figures(...amounts: readonly Amount[]): string[] {
  return amounts.map(({ bytes, objects }) => (objects === 0 ? '0' : `${shortSize(bytes)} in ${groupDigits(objects)}`));
}

function doubtLines(profile: Profile): Line[] {
  return profileDoubts(profile).map((text) => ({ text, tone: 'warn' }));
}

function listed(text: string | null): string[] {
  return text === null ? [] : [text];
}
