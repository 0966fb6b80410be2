import { formatSize } from '../../request/size.ts';
import type { Result } from '../../result/schema.ts';
import {
  countOutcomes,
  type ScenarioOutcome,
  type ScenarioStatus,
  type ScenariosReport,
  titleOf,
} from '../../scenario/report.ts';
import { counted, duration, ending, formatDuration, shortSize } from '../../text/figures.ts';
import { type LabelledLines, type Line, layOut, painter, type Style, type Tone } from '../../text/layout.ts';
import { columns, cut, padded, visible } from '../../text/visible.ts';
import { failureRows } from '../terminal/failures.ts';
import { expectationRows } from '../terminal/rows.ts';

const MARKS: Readonly<Record<ScenarioStatus, readonly [string, Tone]>> = {
  passed: ['✓', 'good'],
  failed: ['✗', 'bad'],
  error: ['!', 'bad'],
  skipped: ['-', 'dim'],
};
const SHOWN_LINES = 12;

/** Written when a scenario is over. */
export function prettyScenario(outcome: ScenarioOutcome, { color }: Pick<Style, 'color'>): string {
  const paint = painter(color);
  const { status, flaky, attempts, reasons, notes, output, durationMs, folders } = outcome;
  const [mark, tone] = MARKS[status];
  const figures = status === 'skipped' ? '' : `  ${paint('dim', figuresOf(outcome, durationMs))}`;
  const again = flaky ? `  ${paint('warn', `flaky: ${counted(attempts, 'attempt')}`)}` : '';
  const lines = [
    `${paint(tone, mark)} ${visible(titleOf(outcome))}${figures}${again}`,
    ...(status === 'error' ? [`    ${paint('bad', 'could not be run')}`] : []),
    ...reasons.map((reason) => `    ${paint(status === 'skipped' ? 'dim' : 'plain', visible(reason))}`),
    ...notes.map((note) => `    ${paint('warn', visible(note))}`),
    ...outputLines(output).map((line) => `    ${paint('dim', `| ${visible(line)}`)}`),
    ...folders.map((folder) => `    ${paint('dim', `files: ${visible(folder)}`)}`),
  ];
  return lines.map((line) => `${line}\n`).join('');
}

function figuresOf({ results }: ScenarioOutcome, durationMs: number): string {
  const peaks = results.map(({ kmem }) => kmem.maxUsage).filter((peak) => peak !== null);
  const failures = results.map(({ kmem }) => kmem.failcnt).filter((failcnt) => failcnt !== null);
  return [
    formatDuration(Math.round(durationMs / 100) * 100),
    ...(peaks.length === 0 ? [] : [`peak ${formatSize(Math.max(...peaks))}`]),
    ...(failures.length === 0 ? [] : [`failcnt ${Math.max(...failures)}`]),
    ...(results.length > 1 ? [counted(results.length, 'run')] : []),
  ].join('  ');
}

function outputLines(output: string): string[] {
  const lines = output.trimEnd().split('\n');
  return output.trim() === '' ? [] : lines.slice(-SHOWN_LINES);
}

/** Written at the end. */
export function prettySum({ scenarios, durationMs }: ScenariosReport, { color }: Pick<Style, 'color'>): string {
  const counts = countOutcomes(scenarios);
  const parts = [
    `${counts.passed} passed`,
    ...(counts.failed > 0 ? [`${counts.failed} failed`] : []),
    ...(counts.error > 0 ? [`${counts.error} could not be run`] : []),
    ...(counts.skipped > 0 ? [`${counts.skipped} skipped`] : []),
    ...(counts.flaky > 0 ? [`${counts.flaky} flaky`] : []),
  ];
  const tone = counts.failed + counts.error > 0 ? 'bad' : 'good';
  const sum = `\n${painter(color)(tone, parts.join(', '))} in ${formatDuration(Math.round(durationMs))}\n`;
  return `${sum}${baselineSums(scenarios).join('')}`;
}

/** What --update-baseline did, a line for each file: `scenarios/baseline.yaml: 2 new, 1 changed`. */
function baselineSums(scenarios: readonly ScenarioOutcome[]): string[] {
  const states = ['new', 'changed', 'kept', 'not-written'] as const;
  const all = scenarios.flatMap(({ baseline }) => baseline ?? []).filter(({ state }) => isOneOf(states, state));
  return [...Map.groupBy(all, ({ file }) => file)].map(([file, own]) => {
    const counts = states.map((state) => ({ state, count: own.filter((each) => each.state === state).length }));
    const words = counts.filter(({ count }) => count > 0).map(({ state, count }) => `${count} ${STATES[state]}`);
    return `${visible(file)}: ${words.join(', ')}\n`;
  });
}

const STATES = { new: 'new', changed: 'changed', kept: 'as before', 'not-written': 'not written' } as const;

function isOneOf(words: readonly string[], word: string): boolean {
  return words.includes(word);
}

const labelWidth = 'failures'.length;

const NAME_LENGTH = 40;

/** Empty if nothing was run. */
export function scenarioStory({ title, results }: ScenarioOutcome, style: Style): string {
  const result = results.at(-1);
  if (result === undefined || result.steps.length === 0) return '';
  const rows: LabelledLines[] = [
    { label: 'shows', lines: [visible(title)] },
    { label: 'kmem', lines: [kmemText(result)] },
    { label: 'steps', lines: stepLines(result) },
    ...failureRows(result, false),
    ...expectationRows(result, false),
  ];
  return layOut(rows, labelWidth, style)
    .map((line) => `  ${line}\n`)
    .join('');
}

function kmemText({ kmem, limits }: Result): string {
  return `peak ${shortSize(kmem.maxUsage)} of ${limits.kmem === null ? 'no limit' : shortSize(limits.kmem)}`;
}

function stepLines({ steps, outcome }: Result): Line[] {
  const names = steps.map(({ name, command }) => cut(name ?? command, NAME_LENGTH));
  const width = Math.max(...names.map(columns));
  return steps.map(({ exit, http, wallMs, failcnt, kmemMaxUsage }, index) => {
    const name = names[index] ?? '';
    const figures = [
      http?.status == null ? visible(ending(exit)) : `status ${http.status}`,
      ...(wallMs === null ? [] : [duration(wallMs)]),
      ...(failcnt === null || failcnt === 0 ? [] : [`failcnt ${failcnt}`]),
      ...(kmemMaxUsage === null ? [] : [`peak ${shortSize(kmemMaxUsage)}`]),
    ];
    const text = `${padded(name, width)}  ${figures.join('  ')}`;
    return { text, tone: exit.code === 0 || outcome === 'passed' ? 'plain' : 'bad' };
  });
}
