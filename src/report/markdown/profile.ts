/** What kernel memory consisted of at the peak, as a table (`--profile`). */

import {
  allocatorText,
  largestAtPeak,
  type MergedRow,
  profileDoubts,
  unexplainedText,
} from '../../result/profile-parts.ts';
import type { Profile, Result } from '../../result/schema.ts';
import { groupDigits, shortSize } from '../../text/figures.ts';
import { shellLine } from '../../text/quote.ts';
import { code, table } from './markup.ts';

const SHOWN = 10;

/** Null: the run has no profile. */
export function profileSection({ profile, spec }: Result): string | null {
  // A result saved by a version without profiles lacks the key.
  if (profile == null) return null;
  const { shown, others } = largestAtPeak(profile, SHOWN);
  const rest = others.name === null ? [] : [[others.name, '', shortSize(others.bytes), groupDigits(others.objects)]];
  const rows = [...shown.map(cells), ...rest];
  const head = ['kernel memory', 'allocated', 'bytes at the peak', 'objects'];
  return [
    `**Kernel memory at the peak** of ${code(shellLine(spec.command), 80)}${usageText(profile)}`,
    ...(rows.length === 0 ? [] : [table(head, ['left', 'left', 'right', 'right'], rows)]),
    ...notesOf(profile).map((text) => `${text}.`),
  ].join('\n\n');
}

function usageText({ peak: { usage } }: Profile): string {
  return usage === null ? '' : `: ${shortSize(usage)}`;
}

function cells(row: MergedRow): string[] {
  const mark = row.isCounted ? '' : ' (releases not seen)';
  return [
    code(row.what, 80),
    code(allocatorText(row), 80) + mark,
    shortSize(row.peak.bytes),
    groupDigits(row.peak.objects),
  ];
}

function notesOf(profile: Profile): string[] {
  const unexplained = unexplainedText(profile.peak);
  return [...(unexplained === null ? [] : [unexplained]), ...profileDoubts(profile)].map(
    (text) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`,
  );
}
