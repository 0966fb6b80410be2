/** A failed call: the text of its tip, and everything known about it. */

import type { SeriesOption } from 'echarts';
import { formatDuration, formatSize } from '../../text/figures.ts';
import { fullText, shorten } from './parts.ts';
import type { Look } from './types.ts';

export type TimelineFailure = Readonly<{
  atMs: number;
  /** Bytes; null: not read. */
  usage: number | null;
  comm: string | null;
  pid: number | null;
  syscall: string;
  detail: string | null;
  errno: string | null;
  step: number | null;
  address: string | null;
  injected: boolean;
}>;

/** The same text for tips, panels and people who can see neither. */
export function failureText(failure: TimelineFailure | undefined): string {
  if (failure === undefined) return '';
  const { comm, pid, syscall, detail, errno, usage, atMs } = failure;
  const who = `${comm === null ? '(name not read)' : shorten(comm, 40)}${pid === null ? '' : ` [${pid}]`}`;
  return [
    `${who}: ${shorten(syscall, 40)}${errno === null ? '' : ` → ${shorten(errno, 20)}`}`,
    ...(detail === null ? [] : [shorten(detail, 64)]),
    `${formatDuration(atMs)}, kernel memory ${usage === null ? 'not read' : formatSize(usage)}${failure.injected ? ', injected' : ''}`,
  ]
    .join('\n')
    .replace(/[{}]/g, '');
}

/** Everything known about it, uncut. */
export function failureFacts(failure: TimelineFailure): readonly (readonly [string, string])[] {
  const { comm, pid, syscall, detail, errno, usage, atMs, step, address, injected } = failure;
  return [
    ['process', `${comm ?? '(name not read)'}${pid === null ? '' : ` (${pid})`}`],
    ['call', `${syscall}, ${errno ?? 'no error reported'}${injected ? ', requested with --fail' : ''}`],
    ['object', detail ?? '–'],
    ['at', `${formatDuration(atMs)}${step === null ? ', between the steps' : `, in step ${step}`}`],
    ['kernel memory', fullText(usage, 'bytes', 'not read')],
    ...(address === null ? [] : [['address', address] as const]),
  ];
}

/** One mark per failure; `limit`: the position of those whose usage is unknown. */
export function failureSeries(
  failures: readonly TimelineFailure[],
  limit: number | null,
  { palette }: Look,
): SeriesOption {
  const hollow = { color: palette.surface, borderColor: palette.failure, borderWidth: 2 };
  return {
    id: 'failures',
    name: 'failures',
    type: 'scatter',
    xAxisIndex: 0,
    yAxisIndex: 0,
    z: 5,
    symbol: 'diamond',
    symbolSize: 10,
    cursor: 'pointer',
    itemStyle: { color: palette.failure, borderColor: palette.surface, borderWidth: 0.8, opacity: 0.9 },
    emphasis: { scale: 1.6, itemStyle: { borderColor: palette.text, borderWidth: 2 } },
    data: failures.map(({ atMs, usage }) =>
      usage === null
        ? // Hollow: the usage was not read.
          { value: [atMs, limit ?? 0], itemStyle: hollow }
        : [atMs, usage],
    ),
    tooltip: { formatter: (params: unknown) => failureText(failures[(params as { dataIndex: number }).dataIndex]) },
  };
}
