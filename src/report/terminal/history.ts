/** Saved results, one per line. */

import type { RunSummary, StoredExperiment } from '../../store/types.ts';
import { counted, number, shortSize } from '../../text/figures.ts';
import { painter, type Style, type Tone } from '../../text/layout.ts';
import { columns, cut, padded, shorten, visible } from '../../text/visible.ts';

export type HistoryEntry =
  | Readonly<{ kind: 'run'; run: RunSummary }>
  | Readonly<{ kind: 'experiment'; experiment: StoredExperiment }>;

const head = ['id', 'started', 'outcome', 'limit', 'peak', 'failcnt', 'label', 'command'];
const labelColumn = head.indexOf('label');
const LONGEST_COMMAND = 1000;
const SHORTEST_COMMAND = 12;
const GAP = '  ';

type Line = Readonly<{ cells: readonly string[]; tone: Tone }>;

/** A table with a head; the command is cut to fit the width. A sentence if it is empty. */
export function historyText(entries: readonly HistoryEntry[], { color, width }: Style): string {
  if (entries.length === 0) return 'no saved results match\n';
  const lines = [{ cells: head, tone: 'dim' as const }, ...entries.map(lineOf)];
  const shown = head
    .map((_, column) => column)
    .filter((column) => column !== labelColumn || lines.slice(1).some(({ cells }) => cells[column] !== ''));
  const rows = fitted(
    lines.map(({ cells }) => shown.map((column) => cells[column] ?? '')),
    width,
  );
  const paint = painter(color);
  return rows.map((text, index) => `${paint(lines[index]?.tone ?? 'plain', text)}\n`).join('');
}

/** Bytes and times as in a result; `entry` distinguishes runs from experiments. */
export function historyJson(entries: readonly HistoryEntry[]): unknown[] {
  return entries.map((entry) =>
    entry.kind === 'run' ? { entry: 'run', ...entry.run } : { entry: 'experiment', ...entry.experiment },
  );
}

/** `2025-01-02 03:04:05` in the reader's time zone. */
export function localTime(iso: string): string {
  const date = new Date(iso);
  if (Number.isNaN(date.getTime())) return visible(iso);
  const two = (value: number) => String(value).padStart(2, '0');
  const day = [date.getFullYear(), two(date.getMonth() + 1), two(date.getDate())].join('-');
  return `${day} ${[date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':')}`;
}

/** `sweep, done, 2,000 runs`. */
export function experimentState({ kind, status, runs }: StoredExperiment): string {
  return `${visible(kind)}, ${visible(status)}, ${counted(runs, 'run')}`;
}

function lineOf(entry: HistoryEntry): Line {
  if (entry.kind === 'experiment') {
    const { id, startedAt, command } = entry.experiment;
    const cells = [
      visible(id),
      localTime(startedAt),
      experimentState(entry.experiment),
      '',
      '',
      '',
      '',
      commandOf(command.join(' ')),
    ];
    return { cells, tone: 'plain' };
  }
  const { id, startedAt, outcome, kmemLimit, maxUsage, failcnt, label, command } = entry.run;
  const limit = kmemLimit === null ? 'none' : shortSize(kmemLimit);
  const figures = [limit, shortSize(maxUsage), number(failcnt)];
  const tone = outcome === 'passed' ? 'plain' : 'bad';
  return {
    cells: [visible(id), localTime(startedAt), visible(outcome), ...figures, visible(label ?? ''), commandOf(command)],
    tone,
  };
}

function commandOf(command: string): string {
  return cut(command, LONGEST_COMMAND);
}

/** Columns as wide as their widest cell; the last one gets the rest, or its own line if that is too little. */
function fitted(table: readonly (readonly string[])[], width: number | null): string[] {
  const last = (table[0]?.length ?? 1) - 1;
  const widths = Array.from({ length: last }, (_, column) =>
    Math.max(...table.map((cells) => columns(cells[column] ?? ''))),
  );
  const taken = widths.reduce((sum, own) => sum + own + GAP.length, 0);
  const left = width === null ? LONGEST_COMMAND : width - taken;
  const isNarrow = width !== null && left < SHORTEST_COMMAND;
  return table.map((cells) => {
    const filled = widths.map((own, column) => padded(cells[column] ?? '', own));
    const command = cells[last] ?? '';
    if (!isNarrow) return [...filled, shorten(command, left)].join(GAP).trimEnd();
    return `${shorten(filled.join(GAP).trimEnd(), width)}\n  ${shorten(command, width - 2)}`;
  });
}
