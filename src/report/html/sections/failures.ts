/** What failed in a run: counts by program and call, and a searchable table of each failure. */

import { reasonOf } from '../../../result/headline.ts';
import type { Failure, Result } from '../../../result/schema.ts';
import { callOf, errorOf, shownFailures } from '../../../result/summary.ts';
import { counted, groupDigits } from '../../../text/figures.ts';
import { heading, table } from '../common.ts';
import type { Gathering } from '../data.ts';
import { html, type Markup } from '../markup.ts';

const SHOWN_KINDS = 12;
const NO_NAME = '(name not read)';

export function failureParts(result: Result, prefix: string, gathering: Gathering, level: number): Markup {
  const { failures, failureCounts } = shownFailures(result);
  const handled = result.failures.filter((failure) => failure.handled === true);
  const crashes = result.crashes ?? [];
  const each = [...failures, ...handled];
  if (each.length === 0 && failureCounts.length === 0)
    return html`${heading(level, 'Failures')}<p>${nothingNamed(result.kmem.failcnt)}</p>${injectionPart(result)}`;
  const total = failureCounts.reduce((sum, { count }) => sum + count, 0);
  const listed = failures.length < total ? `, of which the first ${groupDigits(failures.length)} are listed` : '';
  const counts = failureCounts.toSorted((a, b) => b.count - a.count);
  return html`${heading(level, 'Failures')}<p>${counted(total, 'call')} failed${listed}.</p>
${counts.length === 0 ? null : countPart(counts)}
${each.length === 0 ? null : eachPart(each, prefix, gathering)}
${injectionPart(result)}
${crashes.length === 0 ? null : crashPart(crashes)}`;
}

function countPart(counts: Result['failureCounts']): Markup {
  const more = counts.length > SHOWN_KINDS ? ` (the ${SHOWN_KINDS} most frequent of ${counts.length} kinds)` : '';
  return table({
    caption: `By program and call${more}`,
    columns: [
      { title: 'program', unit: 'text', whenNull: NO_NAME },
      { title: 'call', unit: 'text' },
      { title: 'error', unit: 'text', whenNull: 'none' },
      { title: 'failures', unit: 'count' },
    ],
    rows: counts.slice(0, SHOWN_KINDS).map(({ comm, syscall, errno, count }) => [comm, syscall, errno, count]),
  });
}

function nothingNamed(failcnt: number | null): string {
  if (failcnt === null) return 'It is unknown whether anything failed.';
  if (failcnt === 0) return 'No allocation failed.';
  return `No call is named: the kernel only counted (failcnt ${groupDigits(failcnt)}).`;
}

function eachPart(failures: readonly Failure[], prefix: string, gathering: Gathering): Markup {
  const addressed = failures.some(({ address }) => address !== null);
  return gathering.table({
    id: `${prefix}-failures`,
    caption: 'Each failure',
    columns: [
      { title: 'at', unit: 'ms' },
      { title: 'program', unit: 'text', whenNull: NO_NAME },
      { title: 'process', unit: 'text', whenNull: 'gone' },
      { title: 'call', unit: 'text' },
      { title: 'object', unit: 'text', whenNull: '–' },
      { title: 'error', unit: 'text' },
      { title: 'kernel memory', unit: 'bytes', whenNull: 'not read' },
      { title: 'why', unit: 'text', whenNull: '–' },
      { title: 'step', unit: 'text', whenNull: 'between' },
      ...(addressed ? [{ title: 'address', unit: 'text' as const, whenNull: '–' }] : []),
    ],
    rows: failures.map((failure) => {
      const { atMs, comm, pid, detail, usage, step, address } = failure;
      const who = pid === null ? null : String(pid);
      return [
        ...[atMs, comm, who, callOf(failure), detail, errorOf(failure), usage, reasonOf(failure)],
        ...[step === null ? null : String(step), ...(addressed ? [address] : [])],
      ];
    }),
    groups: [1, 3, 4, 5, 8],
    choices: [1, 3, 5],
    copied: null,
  });
}

function injectionPart({ injections }: Result): Markup {
  if (injections === null || injections.length === 0) return html``;
  return table({
    caption: 'Failures requested with --fail',
    columns: [
      { title: 'address', unit: 'text' },
      { title: 'outcome', unit: 'text' },
      { title: 'calls failed', unit: 'count' },
      { title: 'call made instead', unit: 'text', whenNull: '–' },
    ],
    rows: injections.map(({ address, outcome, denials, seen }) => [address, outcome, denials, seen]),
  });
}

function crashPart(crashes: NonNullable<Result['crashes']>): Markup {
  return table({
    caption: 'Processes that crashed',
    columns: [
      { title: 'at', unit: 'ms' },
      { title: 'program', unit: 'text', whenNull: NO_NAME },
      { title: 'process', unit: 'text' },
      { title: 'signal', unit: 'text' },
    ],
    rows: crashes.map(({ atMs, comm, pid, signal }) => [atMs, comm, String(pid), signal]),
  });
}
