import type { ExperimentFacts } from '../../experiment/report.ts';
import type { Spread } from '../../statistics/spread.ts';
import type { LabelledLines, Line } from '../../text/layout.ts';
import { escapeControls } from '../../text/quote.ts';
import { visible } from '../../text/visible.ts';

export function experimentJson(report: ExperimentFacts): string {
  return `${escapeControls(JSON.stringify(report, null, 2))}\n`;
}

/** `12`, or `12 (11–40)`: the median and its range; `-` if there is none. */
export function spreadText(spread: Spread | null, words: (value: number) => string): string {
  if (spread === null) return '-';
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) => words(Math.round(value)));
  return min === max ? `${median}` : `${median} (${min}–${max})`;
}

export function noticeRows({ warnings, error }: Pick<ExperimentFacts, 'warnings' | 'error'>): LabelledLines[] {
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
