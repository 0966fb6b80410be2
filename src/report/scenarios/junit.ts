/** JUnit XML, as CI servers read it (Jenkins, GitLab, GitHub's reporters): one suite, a case for each scenario. */

import { countOutcomes, type ScenarioOutcome, type ScenariosReport, titleOf } from './types.ts';

export function junitReport({ scenarios, startedAt, durationMs }: ScenariosReport): string {
  const counts = countOutcomes(scenarios);
  const sums = { tests: counts.all, failures: counts.failed, errors: counts.error };
  const suite = {
    name: 'kmem-run scenarios',
    ...sums,
    skipped: counts.skipped,
    time: seconds(durationMs),
    timestamp: startedAt.replace(/\.[0-9]+Z$/, ''),
  };
  const cases = scenarios.map((outcome) => element('testcase', attributesOf(outcome), contentOf(outcome), 4));
  const whole = element('testsuite', suite, `\n${cases.join('')}  `, 2);
  const root = element('testsuites', { name: 'kmem-run', ...sums, time: seconds(durationMs) }, `\n${whole}`, 0);
  return `<?xml version="1.0" encoding="UTF-8"?>\n${root}`;
}

function attributesOf(outcome: ScenarioOutcome): Record<string, string> {
  const classname = outcome.file
    .replace(/\.ya?ml$/, '')
    .replaceAll('/', '.')
    .replace(/^\.+/, '');
  return { name: titleOf(outcome), classname, time: seconds(outcome.durationMs) };
}

function contentOf({ status, flaky, reasons, notes, output }: ScenarioOutcome): string {
  const message = reasons[0] ?? status;
  const told = escapeText(reasons.join('\n'));
  const inside = 6;
  const end = `\n${' '.repeat(4)}`.slice(1);
  if (status === 'skipped') return `\n${element('skipped', { message: reasons.join('; ') }, '', inside)}${end}`;
  const text = [...notes, ...(output === '' ? [] : [output])].join('\n');
  const written = text === '' ? '' : element('system-out', {}, escapeText(text), inside);
  if (status === 'passed' && !flaky) return written === '' ? '' : `\n${written}${end}`;
  const [tag, type] =
    status === 'failed'
      ? ['failure', 'failed']
      : status === 'error'
        ? ['error', 'could-not']
        : ['flakyFailure', 'flaky'];
  return `\n${element(tag, { message, type }, told, inside)}${written}${end}`;
}

function element(tag: string, attributes: Record<string, string | number>, content: string, indent: number): string {
  const words = Object.entries(attributes).map(([name, value]) => ` ${name}="${escapeAttribute(String(value))}"`);
  const begin = `${' '.repeat(indent)}<${tag}${words.join('')}`;
  return content === '' ? `${begin}/>\n` : `${begin}>${content}</${tag}>\n`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

// Characters that XML 1.0 cannot have, not even by number.
const FORBIDDEN = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/gu;

function escapeText(text: string): string {
  return text
    .replace(FORBIDDEN, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('\r', '&#13;');
}

function escapeAttribute(text: string): string {
  return escapeText(text).replaceAll('"', '&quot;').replaceAll('\n', '&#10;').replaceAll('\t', '&#9;');
}
