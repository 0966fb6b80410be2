import { countOutcomes, type ScenarioOutcome, type ScenariosReport, titleOf } from '../../scenario/report.ts';
import { withShownBytes } from '../../text/bytes.ts';
import { escapeControls } from '../../text/quote.ts';
import { visible, visibleLines } from '../../text/visible.ts';

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

/** A block of YAML; strings are written as JSON, which YAML accepts. */
function diagnosis({ status, flaky, reasons, notes, file, attempts, durationMs, output }: ScenarioOutcome): string[] {
  const text = (value: string): string => escapeControls(JSON.stringify(withShownBytes(value)));
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
  return visible(words.replace(/\s+/g, ' ')).replace(/[\\#]/g, '\\$&');
}

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
  return visibleLines(text).replaceAll('%', '%25').replaceAll('\n', '%0A');
}

function property(text: string): string {
  return data(text).replaceAll(':', '%3A').replaceAll(',', '%2C');
}

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
  const details = escapeText(reasons.join('\n'));
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
  return `\n${element(tag, { message, type }, details, inside)}${written}${end}`;
}

function element(tag: string, attributes: Record<string, string | number>, content: string, indent: number): string {
  const words = Object.entries(attributes).map(([name, value]) => ` ${name}="${escapeAttribute(String(value))}"`);
  const begin = `${' '.repeat(indent)}<${tag}${words.join('')}`;
  return content === '' ? `${begin}/>\n` : `${begin}>${content}</${tag}>\n`;
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3);
}

// Besides controls, which are made visible, XML 1.0 cannot contain these, not even by number.
const FORBIDDEN = /[\ufffe\uffff]/g;

function escapeText(text: string): string {
  return visibleLines(text)
    .replace(FORBIDDEN, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;');
}

function escapeAttribute(text: string): string {
  return escapeText(text).replaceAll('"', '&quot;').replaceAll('\n', '&#10;').replaceAll('\t', '&#9;');
}
