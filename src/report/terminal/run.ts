/** The report for people, on stderr: what happened in a sentence, then aligned rows. It shows; it never measures. */

import type { SetupError } from '../../errors.ts';
import { headline, toneOf } from '../../result/headline.ts';
import type { Result } from '../../result/schema.ts';
import { headLines, type LabelledLines, layOut, type PlotStyle, textWidth } from '../../text/layout.ts';
import { visible } from '../../text/visible.ts';
import { failureRows } from './failures.ts';
import { profileRows, profileTable } from './profile.ts';
import {
  counterRows,
  crashRows,
  detailRows,
  enforcementRow,
  expectationRows,
  injectionRows,
  lastOutputRows,
  leftoverRows,
  orphanRows,
  stepRows,
  warningRows,
} from './rows.ts';
import { timelineText } from './timeline.ts';

export type TextOptions = PlotStyle & Readonly<{ verbose: boolean }>;

const labelWidth = 'memory+swap'.length;

/** Lines with line ends. The only control characters that reach the terminal are its own colours and line ends. */
export function textReport(result: Result, { color, width, verbose, plot = false }: TextOptions): string {
  const hint = result.error === null ? [] : [hintLine(result.error)];
  const rows = layOut(rowsOf(result, width, verbose), labelWidth, { color, width });
  const text = lines([...headLines(toneOf(result), headline(result), { color, width }), ...hint, ...rows]);
  const picture = plot ? timelineText(result, { color, width }) : '';
  return picture === '' ? text : `${text}\n${picture}`;
}

/** Two lines: the reason and the remedy. */
export function setupErrorText(error: Pick<SetupError, 'message' | 'hint'>): string {
  return lines([`kmem-run: ${visible(error.message)}`, hintLine(error)]);
}

function rowsOf(result: Result, width: number | null, verbose: boolean): LabelledLines[] {
  // Nothing ran: rows of "not read" would bury the reason.
  if (result.steps.length === 0 && result.failures.length === 0 && result.kmem.maxUsage === null)
    return [...lastOutputRows(result), ...warningRows(result)];
  return [
    ...counterRows(result, verbose),
    ...(verbose ? [] : profileRows(result)),
    enforcementRow(result, verbose),
    ...failureRows(result, verbose),
    ...injectionRows(result),
    ...crashRows(result),
    ...orphanRows(result),
    ...lastOutputRows(result),
    ...stepRows(result, textWidth(labelWidth, { width }), verbose),
    ...expectationRows(result, verbose),
    ...leftoverRows(result, verbose),
    ...(verbose ? detailRows(result) : []),
    ...warningRows(result),
    // It can be long.
    ...(verbose ? profileTable(result) : []),
  ];
}

function hintLine({ hint }: Pick<SetupError, 'hint'>): string {
  return `  hint: ${visible(hint)}`;
}

function lines(texts: readonly string[]): string {
  return texts.map((text) => `${text}\n`).join('');
}
