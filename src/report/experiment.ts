/** What the reports of experiments have in common. */

import { escapeControls } from '../spec/quote.ts';
import { formatSize, groupDigits } from '../spec/size.ts';
import type { Spread } from '../store/spread.ts';
import type { Line, Row } from './layout.ts';
import { visible } from './visible.ts';

/** Keys that every experiment's JSON has. */
export type ExperimentFacts = Readonly<{
  schemaVersion: 1;
  /** For `--resume`, `kmem-run show` and the rest. */
  id: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  /** `stopped`: by a signal; `failed`: for `error`. */
  status: 'done' | 'stopped' | 'failed';
  error: Readonly<{ code: string; message: string; hint: string }> | null;
  command: readonly string[];
  then: readonly string[];
  expect: readonly string[];
  /** Runs that were made and thrown away before the first that counts. */
  warmup: number;
  prepare: string | null;
  /** Milliseconds for each run, as asked for or as derived from the first run; null: none. */
  timeoutMs: number | null;
  /** What may have spoiled the measurement, a sentence each. */
  warnings: readonly string[];
  kmemRun: string;
}>;

export function experimentJson(report: ExperimentFacts): string {
  return `${escapeControls(JSON.stringify(report, null, 2))}\n`;
}

/** `2.5 MiB` where that is exact, else `2,637,824`: a limit that cannot be copied is of no use. */
export function exactSize(bytes: number): string {
  const short = formatSize(bytes);
  const [value = '', unit = ''] = short.split(' ');
  const power = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'].indexOf(unit);
  return Number(value) * 1024 ** power === bytes ? short : groupDigits(bytes);
}

/** `12`, or `12 (11–40)`: the median, and what it lay between; `-` of none. */
export function spreadText(spread: Spread | null, words: (value: number) => string): string {
  if (spread === null) return '-';
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => words(Math.round(value)));
  return min === max ? `${median}` : `${median} (${min}–${max})`;
}

export function noticeRows({ warnings, error }: Pick<ExperimentFacts, 'warnings' | 'error'>): Row[] {
  const lines = warnings.map((text): Line => ({ text: visible(text), tone: 'warn' }));
  const failed: readonly Line[] =
    error === null
      ? []
      : [
          { text: visible(error.message), tone: 'bad' },
          { text: `hint: ${visible(error.hint)}`, tone: 'plain' },
        ];
  return [
    ...(lines.length === 0 ? [] : [{ label: 'warning', lines }]),
    ...(failed.length === 0 ? [] : [{ label: 'error', lines: failed }]),
  ];
}
