/** Workflow commands of GitHub Actions: an annotation at the file of each scenario that did not pass. */

import { countOutcomes, type ScenarioOutcome, type ScenariosReport, titleOf } from './types.ts';

export function githubReport({ scenarios }: ScenariosReport): string {
  const counts = countOutcomes(scenarios);
  const sum = `${counts.passed} passed, ${counts.failed} failed, ${counts.error} could not be run, ${counts.skipped} skipped`;
  return `${scenarios.flatMap(annotation).join('')}${sum}\n`;
}

function annotation(outcome: ScenarioOutcome): string[] {
  const { status, flaky, file, reasons, notes, output } = outcome;
  if (status === 'passed' && !flaky && notes.length === 0) return [];
  const level = status === 'failed' || status === 'error' ? 'error' : flaky ? 'warning' : 'notice';
  const what = flaky ? 'is flaky' : WHAT[status];
  const text = [...reasons, ...notes, ...(output === '' ? [] : ['', output.trimEnd()])].join('\n');
  return [`::${level} file=${property(file)},line=1,title=${property(`${titleOf(outcome)} ${what}`)}::${data(text)}\n`];
}

const WHAT = { failed: 'failed', error: 'could not be run', skipped: 'skipped', passed: 'passed' } as const;

function data(text: string): string {
  return text.replaceAll('%', '%25').replaceAll('\r', '%0D').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}
