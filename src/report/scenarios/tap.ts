/** TAP version 14 (testanything.org). */

import { type ScenarioOutcome, type ScenariosReport, titleOf } from './types.ts';

export function tapReport({ scenarios }: ScenariosReport): string {
  return [
    'TAP version 14',
    `1..${scenarios.length}${scenarios.length === 0 ? ' # SKIP no scenario was selected' : ''}`,
    ...scenarios.flatMap((outcome, index) => testPoint(outcome, index + 1)),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function testPoint(outcome: ScenarioOutcome, number: number): string[] {
  const { status, reasons, notes, flaky } = outcome;
  const ok = status === 'passed' || status === 'skipped' ? 'ok' : 'not ok';
  const skip = status === 'skipped' ? ` # SKIP ${plain(reasons.join('; '))}` : '';
  const point = `${ok} ${number} - ${plain(titleOf(outcome))}${skip}`;
  const isPlain = status === 'skipped' || (status === 'passed' && !flaky && notes.length === 0);
  return isPlain ? [point] : [point, ...diagnosis(outcome)];
}

/** A block of YAML; texts are written as JSON, which YAML takes. */
function diagnosis({ status, flaky, reasons, notes, file, attempts, durationMs, output }: ScenarioOutcome): string[] {
  const text = JSON.stringify;
  return [
    '---',
    `message: ${text(reasons[0] ?? notes[0] ?? status)}`,
    `severity: ${status === 'error' ? 'error' : status === 'passed' ? 'comment' : 'fail'}`,
    ...(flaky ? ['flaky: true'] : []),
    `file: ${text(file)}`,
    `attempts: ${attempts}`,
    `duration_ms: ${Math.round(durationMs)}`,
    ...(reasons.length > 1 ? ['reasons:', ...reasons.map((reason) => `  - ${text(reason)}`)] : []),
    ...(notes.length > 0 ? ['notes:', ...notes.map((note) => `  - ${text(note)}`)] : []),
    ...(output === '' ? [] : [`output: ${text(output)}`]),
    '...',
  ].map((line) => `  ${line}`);
}

/** In a description # begins a directive and \ an escape. */
function plain(words: string): string {
  return words.replace(/[\\#]/g, '\\$&').replace(/\s+/g, ' ');
}
