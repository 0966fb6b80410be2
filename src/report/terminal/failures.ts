/** The failures, grouped: `apache2: 17 × mmap of /usr/lib/apache2/modules/*.so (ENOMEM)`. */

import { groupDigits } from '../../request/size.ts';
import { reasonOf } from '../../result/headline.ts';
import type { Failure, Result } from '../../result/schema.ts';
import { callOf, errorOf, shownFailures } from '../../result/summary.ts';
import { counted, duration, number } from '../../text/figures.ts';
import type { LabelledLines, Line } from '../../text/layout.ts';
import { cut } from '../../text/visible.ts';

const SHOWN_NAMES = 8;
const SHOWN_CALLS = 4;
const NAME_LENGTH = 20;
const DETAIL_LENGTH = 80;
const STACK_LENGTH = 300;

type CallTally = {
  comm: string;
  syscall: string;
  errno: string | null;
  count: number;
  listed: number;
  details: string[];
};

export function failureRows(result: Result, verbose: boolean): LabelledLines[] {
  const { failures, failureCounts } = shownFailures(result);
  const calls = groupCalls({ failures, failureCounts });
  const total = calls.reduce((sum, { count }) => sum + count, 0);
  const uncounted = result.enforcement.failuresUncounted ?? 0;
  const handled = verbose ? handledRow(result) : [];
  if (total + uncounted === 0) return [...unnamed(result), ...handled];
  const lines = [totalLine(total, uncounted, failures.length), ...nameLines(calls, verbose)];
  return [{ label: 'failures', lines: verbose ? [...lines, ...failures.flatMap(eachLine)] : lines }, ...handled];
}

/** Calls that succeeded although the kernel refused them an allocation; a note has their number. */
function handledRow({ failures }: Result): LabelledLines[] {
  const handled = failures.filter((failure) => failure.handled === true);
  return handled.length === 0 ? [] : [{ label: 'handled', lines: handled.flatMap(eachLine) }];
}

// The kernel counts but names nothing: say so, or the row would read as "none".
function unnamed({ kmem: { failcnt }, enforcement: { failuresDropped } }: Result): LabelledLines[] {
  if (failcnt === null || failcnt === 0) return [];
  // If the number of omitted calls is known, refused charges are known per call: none failed because of them.
  if (failuresDropped !== null)
    return [
      {
        label: 'failures',
        lines: [`no call failed: the kernel recovered, or a page fault was retried (failcnt ${groupDigits(failcnt)})`],
      },
    ];
  return [{ label: 'failures', lines: [`not named, only counted (failcnt ${groupDigits(failcnt)})`] }];
}

function totalLine(total: number, uncounted: number, listed: number): Line {
  const capped =
    listed < total ? (listed === 0 ? '; counted only' : `; details are of the first ${groupDigits(listed)}`) : '';
  const more = uncounted > 0 ? `; ${groupDigits(uncounted)} more, not counted by program` : '';
  return { text: `${groupDigits(total)} in all${capped}${more}`, tone: 'bad' };
}

/** Totals come from `failureCounts`; `failures`, which is capped, only supplies the details. */
function groupCalls({ failureCounts, failures }: Pick<Result, 'failureCounts' | 'failures'>): CallTally[] {
  const calls = new Map<string, CallTally>();
  for (const { count, ...failure } of failureCounts) callIn(calls, failure).count += count;
  for (const failure of failures) {
    const call = callIn(calls, failure);
    call.listed += 1;
    if (failure.detail !== null && failure.syscall !== null) call.details.push(failure.detail);
  }
  return [...calls.values()].map((call) => ({ ...call, count: Math.max(call.count, call.listed) }));
}

function callIn(
  calls: Map<string, CallTally>,
  { comm, syscall, errno }: Pick<Failure, 'comm' | 'syscall' | 'errno'>,
): CallTally {
  const key = JSON.stringify([comm, syscall, errno]);
  const call = calls.get(key) ?? {
    comm: nameText(comm),
    syscall: callOf({ syscall }),
    errno,
    count: 0,
    listed: 0,
    details: [],
  };
  calls.set(key, call);
  return call;
}

function nameLines(calls: readonly CallTally[], verbose: boolean): string[] {
  const names = [...Map.groupBy(calls, ({ comm }) => comm)]
    .map(([comm, own]) => ({ comm, own: own.toSorted(byCount), count: own.reduce((sum, { count }) => sum + count, 0) }))
    .toSorted(byCount);
  const shown = verbose ? names : names.slice(0, SHOWN_NAMES);
  const rest = names.slice(shown.length).reduce((sum, { count }) => sum + count, 0);
  const more =
    rest === 0 ? [] : [`and ${groupDigits(rest)} in ${counted(names.length - shown.length, 'other program')}`];
  return [...shown.map(({ comm, own }) => `${comm}: ${callList(own, verbose)}`), ...more];
}

function callList(calls: readonly CallTally[], verbose: boolean): string {
  const shown = verbose ? calls : calls.slice(0, SHOWN_CALLS);
  const rest = calls.slice(shown.length).reduce((sum, { count }) => sum + count, 0);
  return [...shown.map(callText), ...(rest === 0 ? [] : [`and ${groupDigits(rest)} more`])].join(', ');
}

function callText({ syscall, errno, count, details }: CallTally): string {
  const what = commonForm(details);
  const name = cut(syscall, NAME_LENGTH);
  return `${groupDigits(count)} × ${name}${what === null ? '' : what === PAGE_FAULT ? ` in a ${what}` : ` of ${what}`}${errno === null ? '' : ` (${cut(errno, NAME_LENGTH)})`}`;
}

function byCount(a: { count: number }, b: { count: number }): number {
  return b.count - a.count;
}

/** The detail of a page fault; its call is the one in which the fault happened. */
const PAGE_FAULT = 'page fault';

/**
 * What many details have in common: their single value, `/usr/lib/*.so`, `4,096 to 8,192 bytes`, or the most frequent.
 */
export function commonForm(details: readonly string[]): string | null {
  const counts = new Map<string, number>();
  for (const detail of details) counts.set(detail, (counts.get(detail) ?? 0) + 1);
  const [most] = [...counts].toSorted(([, a], [, b]) => b - a);
  if (most === undefined) return null;
  const distinct = [...counts.keys()];
  if (distinct.length === 1) return cut(most[0], DETAIL_LENGTH);
  const paths = distinct.filter((detail) => detail.startsWith('/'));
  const path = paths.length > 1 ? commonPath(paths) : null;
  if (path !== null) return path + others(distinct.length - paths.length);
  return sizeRange(distinct) ?? cut(most[0], DETAIL_LENGTH) + others(distinct.length - 1);
}

function others(count: number): string {
  return count === 0 ? '' : ` and ${counted(count, 'other')}`;
}

function sizeRange(details: readonly string[]): string | null {
  const sizes = details
    .map((detail) => Number(/^(\d+) bytes$/.exec(detail)?.[1] ?? Number.NaN))
    .toSorted((a, b) => a - b);
  const [least] = sizes;
  const most = sizes.at(-1);
  if (least === undefined || most === undefined || sizes.some(Number.isNaN)) return null;
  return `${groupDigits(least)} to ${groupDigits(most)} bytes`;
}

// `/*` would say nothing: at least one folder must be shared.
function commonPath(paths: readonly string[]): string | null {
  const parts = paths.map((path) => path.split('/'));
  const [first = []] = parts;
  let shared = 0;
  while (parts.every((own) => shared < own.length - 1 && own[shared] === first[shared])) shared += 1;
  if (shared < 2) return null;
  const deep = parts.some((own) => own.length > shared + 1) ? '…/' : '';
  return cut(`${first.slice(0, shared).join('/')}/${deep}*${commonExtension(paths)}`, DETAIL_LENGTH);
}

function commonExtension(paths: readonly string[]): string {
  const extensions = new Set(paths.map((path) => /[^/](\.[^./]+)$/.exec(path)?.[1] ?? ''));
  return extensions.size === 1 ? ([...extensions][0] ?? '') : '';
}

function nameText(comm: string | null): string {
  return comm === null ? '(name not read)' : cut(comm, NAME_LENGTH);
}

function eachLine(failure: Failure): Line[] {
  const { atMs, step, comm, pid, tid, syscall, detail, usage, fault, allocation } = failure;
  const who = `${nameText(comm)}[${pid ?? '?'}${tid === pid ? '' : `/${tid}`}]`;
  const what = detail === null || syscall === null ? '' : ` ${cut(detail, DETAIL_LENGTH * 3)}`;
  const reason = reasonOf(failure);
  const touched = fault?.address == null ? '' : ` of ${fault.address}`;
  const where = step === null ? '' : ` step ${step}`;
  const line: Line = {
    text: `${duration(atMs)}${where} ${who} ${cut(callOf(failure), NAME_LENGTH)}${what}${touched}: ${cut(errorOf(failure), NAME_LENGTH)} at ${number(usage)}${reason === null ? '' : `; ${reason}`}`,
    tone: 'dim',
  };
  return allocation == null ? [line] : [line, allocationLine(allocation)];
}

function allocationLine({ bytes, kind, stack }: NonNullable<Failure['allocation']>): Line {
  const by = stack.length === 0 ? '' : ` by ${cut(stack.join(' ← '), STACK_LENGTH)}`;
  return { text: `  refused: ${number(bytes)} (${kind})${by}`, tone: 'dim' };
}
