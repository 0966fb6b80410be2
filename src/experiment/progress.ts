/** The progress of an experiment: a line redrawn in place on a terminal, otherwise an occasional line. */

import type { Writable } from 'node:stream';
import { groupDigits } from '../request/size.ts';
import { counted, formatDuration } from '../text/figures.ts';
import { cut, shorten } from '../text/visible.ts';

export type Standing = Readonly<{
  /** What runs now: `kmem 1 MiB`. */
  now: readonly string[];
  /** Runs made since this kmem-run started, and all runs including earlier ones. */
  made: number;
  done: number;
  /** As far as is known. */
  total: number;
  /** `passed at kmem 1 MiB`; null: none has ended yet. */
  last: string | null;
}>;

export type Progress = Readonly<{
  update: (standing: Standing) => void;
  /** Writes to the same terminal: erases the line first, and the next update redraws it. */
  beside: (write: () => void) => void;
  /** Erases the line for good; call it before anything else is written there. */
  close: () => void;
}>;

export type ProgressOptions = Readonly<{
  stream: Writable & { columns?: number };
  /** Redrawn in place. */
  isTerminal: boolean;
  /** Milliseconds of a monotonic clock. */
  now: () => number;
}>;

/** No progress is shown for shorter work. */
const SILENT_MS = 1000;
const REDRAW_MS = 200;
const LINE_EVERY_MS = 10_000;
const ERASE_LINE = '\r\x1b[K';
const BAR_WIDTH = 12;

export function createProgress({ stream, isTerminal, now }: ProgressOptions): Progress {
  const startedAt = now();
  const every = isTerminal ? REDRAW_MS : LINE_EVERY_MS;
  let standing: Standing | null = null;
  let drawnAt = startedAt + SILENT_MS - every;
  let onScreen = false;
  const clear = (): void => {
    if (onScreen) stream.write(ERASE_LINE);
    onScreen = false;
  };
  const draw = (): void => {
    if (standing === null || now() - drawnAt < every) return;
    drawnAt = now();
    const text = progressText(standing, now() - startedAt);
    if (!isTerminal) {
      stream.write(`kmem-run: ${text}\n`);
      return;
    }
    onScreen = true;
    // At the terminal's full width the line would wrap and leave its first part behind. 0: a terminal of unknown size.
    stream.write(ERASE_LINE + shorten(text, (stream.columns || 80) - 1));
  };
  // A run may take minutes, and the remaining time decreases meanwhile.
  const timer = setInterval(draw, every);
  timer.unref();
  return {
    update: (next) => {
      standing = next;
      draw();
    },
    beside: (write) => {
      clear();
      write();
    },
    close: () => {
      clearInterval(timer);
      standing = null;
      clear();
    },
  };
}

const NAME_LENGTH = 40;
const SHOWN_NOW = 2;

/** `12 of 75 ▕██░░░░░░░░░░▏ 9 s left; now kmem 1 MiB; last: passed at kmem 512 KiB` */
export function progressText({ now, made, done, total, last }: Standing, elapsedMs: number): string {
  const left = made === 0 ? null : (elapsedMs / made) * Math.max(0, total - done);
  const share = total === 0 ? 0 : Math.min(1, done / total);
  const more = now.length > SHOWN_NOW ? `, ${now.length - SHOWN_NOW} more` : '';
  return [
    `${groupDigits(done)} of ${counted(total, 'run')} ${bar(share)}${left === null ? '' : ` ${roughly(left)} left`}`,
    ...(now.length === 0
      ? []
      : [
          `now ${now
            .slice(0, SHOWN_NOW)
            .map((one) => cut(one, NAME_LENGTH))
            .join(', ')}${more}`,
        ]),
    ...(last === null ? [] : [`last: ${cut(last, 2 * NAME_LENGTH)}`]),
  ].join('; ');
}

/** To the second: the rest of an estimate is noise. */
function roughly(ms: number): string {
  return formatDuration(Math.max(1, Math.round(ms / 1000)) * 1000);
}

function bar(share: number): string {
  const full = Math.floor(share * BAR_WIDTH);
  return `▕${'█'.repeat(full)}${'░'.repeat(BAR_WIDTH - full)}▏`;
}
