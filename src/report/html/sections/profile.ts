/** What kernel memory consisted of: a graph, and a table that needs no script. */

import { added, cutText, mergedRows } from '../../../result/profile-parts.ts';
import type { Profile, Result } from '../../../result/schema.ts';
import { counted, duration, formatSize } from '../../../text/figures.ts';
import { shareText } from '../../plots/profile-boxes.ts';
import { callName, profileDataOf } from '../../plots/profile-data.ts';
import { type Amounts, KINDS, sumOf } from '../../plots/profile-tree.ts';
import type { TableCell } from '../../plots/types.ts';
import { type Fact, facts, heading, list, table } from '../common.ts';
import type { Gathering } from '../data.ts';
import { html, type Markup } from '../markup.ts';

/** Of the table; the graph shows all. */
const MOST_ROWS = 100;

/** Nothing if the run has no profile. */
export function profilePart({ profile }: Result, prefix: string, gathering: Gathering, level: number): Markup {
  // A bisection saved by a version without profiles lacks the key.
  if (profile == null) return html``;
  const title = heading(level, 'Where kernel memory went');
  if (profile.rows.length === 0)
    return html`${title}<p class="note">The profile saw no allocation.</p>${list(notesOf(profile, 0))}`;
  const data = profileDataOf(profile, `${prefix}-profile`);
  return html`${title}${facts(summaryOf(profile))}
<p class="note">Each box is as wide as its share, and lies below what it belongs to. Click a box to zoom in, or move to it with the arrow keys and press Enter. Escape or Backspace zooms out.</p>
${gathering.profile(data)}
${list(notesOf(profile, data.rowsWithoutStacks))}
${tableOf(profile)}`;
}

function summaryOf({ rows, cut, peak, end }: Profile): Fact[] {
  const total = [...rows, cut].map((row) => row.total).reduce(added);
  return [
    ['at the peak', explained(peak), peak.atMs === null ? null : `at ${duration(peak.atMs)}`],
    ['left at the end', explained(end)],
    ['allocated in total', `${formatSize(total.bytes)}, ${counted(total.objects, 'object')}`],
  ];
}

function explained({ explained: bytes, usage }: Profile['end']): string {
  if (usage === null) return `${formatSize(bytes)}; usage not read`;
  return `${formatSize(usage)}, of which the profile explains ${formatSize(bytes)}${usage === 0 ? '' : ` (${shareText(bytes, usage)})`}`;
}

function notesOf({ rows, cut, untracked, missed }: Profile, rowsWithoutStacks: number): string[] {
  const unlisted = cutText(cut);
  const isUncounted = rows.some(({ isCounted }) => !isCounted);
  return [
    ...(isUncounted
      ? [
          'Releases not seen: the kernel may release such objects without an event. Their figures at the peak and at the end may be too high.',
        ]
      : []),
    ...(unlisted === null
      ? []
      : [`${unlisted}, because there were too many: ${formatSize(cut.atPeak.bytes)} at the peak.`]),
    ...(rowsWithoutStacks > 0
      ? [
          `The stacks of ${counted(rowsWithoutStacks, 'part')} are not on this page, because it would be too large. The JSON result contains them.`,
        ]
      : []),
    ...(untracked > 0
      ? [`The release of ${counted(untracked, 'object')} could not be tracked, because there were too many objects.`]
      : []),
    ...(missed > 0
      ? [`The profiler did not see ${counted(missed, 'allocation or release', 'allocations and releases')}.`]
      : []),
  ];
}

/** Rows that differ only in their stacks are one. */
function tableOf({ rows, cut }: Profile): Markup {
  const merged = mergedRows({ rows });
  const smaller = merged.slice(MOST_ROWS);
  const lines = merged
    .slice(0, MOST_ROWS)
    .map((row): TableCell[] => [
      ...[row.what, KINDS[row.kind], callName(row), row.comm],
      ...figuresOf(row),
      row.isCounted ? 'seen' : 'not seen',
    ]);
  const others = (name: string, amounts: Amounts) => [name, null, null, null, ...figuresOf(amounts), null];
  if (smaller.length > 0)
    lines.push(others(counted(smaller.length, 'smaller part'), sumOf(smaller.map((amounts) => ({ amounts })))));
  const unlisted = cutText(cut);
  if (unlisted !== null) lines.push(others(unlisted, { peak: cut.atPeak, end: cut.atEnd, total: cut.total }));
  return html`<div class="parts">${table({
    caption: 'Kernel memory by use, system call and program',
    columns: [
      { title: 'what', unit: 'text' },
      { title: 'kind', unit: 'text' },
      { title: 'call', unit: 'text' },
      { title: 'program', unit: 'text' },
      { title: 'at the peak', unit: 'bytes' },
      { title: 'objects', unit: 'count' },
      { title: 'left at the end', unit: 'bytes' },
      { title: 'objects', unit: 'count' },
      { title: 'in total', unit: 'bytes' },
      { title: 'objects', unit: 'count' },
      { title: 'releases', unit: 'text' },
    ],
    rows: lines,
  })}</div>`;
}

function figuresOf({ peak, end, total }: Amounts): number[] {
  return [peak, end, total].flatMap(({ bytes, objects }) => [bytes, objects]);
}
