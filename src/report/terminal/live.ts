/** One line on a terminal, redrawn in place while the command runs. */

import type { Writable } from 'node:stream';
import type { RunSpec } from '../../request/run-spec.ts';
import { formatSize, groupDigits } from '../../request/size.ts';
import { counted, formatDuration } from '../../text/figures.ts';
import { cut, shorten, visible } from '../../text/visible.ts';

export type LiveFigures = Readonly<{
  /** Bytes; null: not read. */
  kmem: number | null;
  processes: number | null;
  denials: number | null;
  atMs: number;
}>;

export type LiveLine = Readonly<{
  update(figures: LiveFigures): void;
  /** Call before anything else is written to that terminal; a later update draws again. */
  clear(): void;
}>;

const REDRAW_MS = 100;
const NAME_LENGTH = 20;
const BAR_WIDTH = 12;
const ERASE_LINE = '\r\x1b[K';

/** `limit`: bytes, null for none. `now`: milliseconds of a monotonic clock, for tests. */
export function createLiveLine(
  stream: Writable & { columns?: number },
  limit: number | null,
  now: () => number = () => performance.now(),
): LiveLine {
  let drawnAt = Number.NEGATIVE_INFINITY;
  let onScreen = false;
  return {
    update(figures) {
      if (now() - drawnAt < REDRAW_MS) return;
      drawnAt = now();
      onScreen = true;
      // A line as wide as the terminal would wrap, and the next redraw would leave its first part behind. 0: a terminal
      // that has no size set.
      stream.write(ERASE_LINE + shorten(liveText(figures, limit), (stream.columns || 80) - 1));
    },
    clear() {
      if (!onScreen) return;
      onScreen = false;
      stream.write(ERASE_LINE);
    },
  };
}

/** `apache2 (6 processes) are running under the limit; Ctrl-C stops them and reports` */
export function stayText(
  processes: readonly Readonly<{ comm: string }>[],
  { limits }: Pick<RunSpec, 'limits'>,
): string {
  const names = [...Map.groupBy(processes, ({ comm }) => comm)].map(
    ([comm, own]) => `${cut(comm, NAME_LENGTH)} (${counted(own.length, 'process', 'processes')})`,
  );
  const where = limits.kmem === null ? 'in the group' : 'under the limit';
  const [is, it] = processes.length === 1 ? ['is', 'it'] : ['are', 'them'];
  return `${names.join(', ')} ${is} running ${where}; Ctrl-C stops ${it} and reports`;
}

/** `kmem 1.2 MiB of 4 MiB ▕███░░░░░░▏ 12 processes 3 denials 4.2 s` */
export function liveText({ kmem, processes, denials, atMs }: LiveFigures, limit: number | null): string {
  return [
    `kmem ${kmem === null ? '?' : formatSize(kmem)}${limit === null ? '' : ` of ${formatSize(limit)}`}`,
    ...(limit === null || kmem === null ? [] : [bar(kmem / limit)]),
    ...(processes === null ? [] : [counted(processes, 'process', 'processes')]),
    ...(denials === null ? [] : [`failcnt ${groupDigits(denials)}`]),
    formatDuration(Math.round(atMs / 100) * 100),
  ].join(' ');
}

function bar(share: number): string {
  const full = Math.min(BAR_WIDTH, Math.max(0, Math.floor(share * BAR_WIDTH)));
  return `▕${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}▏`;
}

/** A line that is replaced by the next text; an empty text removes it. */
export function createStatusLine(stream: Writable & { columns?: number }): (text: string) => void {
  return (text) => {
    stream.write(ERASE_LINE + (text === '' ? '' : shorten(`kmem-run: ${visible(text)}`, (stream.columns || 80) - 1)));
  };
}
