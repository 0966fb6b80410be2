import type { ExperimentReport } from '../../experiment/kinds.ts';
import { settingText } from '../../experiment/survival.ts';
import { hitTexts } from '../../experiment/sweep/hits.ts';
import { groupDigits } from '../../request/size.ts';
import { firstFailing } from '../../result/summary.ts';
import type { ReportDocument } from '../../scenario/documents.ts';
import { countOutcomes } from '../../scenario/report.ts';
import { type ComparedPoint, growthOfPeak } from '../../statistics/compare.ts';
import type { Spread, Verdict } from '../../statistics/spread.ts';
import { counted, NOT_READ, number, shortSize } from '../../text/figures.ts';
import { shellLine } from '../../text/quote.ts';
import { sentence } from '../terminal/bisect.ts';
import { kindText } from '../terminal/compare.ts';
import { documentText } from '../terminal/documents.ts';
import { growthSections } from './growth.ts';
import { code, escaped, pre, table } from './markup.ts';
import { profileSection } from './profile.ts';

type Compared = Extract<ReportDocument, { kind: 'compare' }>;

/** If a comparison has more, they are folded away. */
const MOST_CHANGES = 12;
const MOST_DETAILS = 12;
const MOST_PROFILES = 3;
/** Settings of a comparison. */
const MOST_GROWN = 3;

const verdicts: Readonly<Record<Verdict, string>> = {
  same: 'the same',
  'within-spread': 'the same within the spread',
  different: '**different**',
  'cannot-tell': 'cannot tell: too few runs',
};
const names: Readonly<Record<string, string>> = {
  'kmem.maxUsage': 'kmem peak',
  'kmem.failcnt': 'failcnt',
  'mem.maxUsage': 'mem peak',
};

/** `title`: chosen by the user; null: the default. `notes`: what could not be done, one sentence each. */
export function markdownReport(
  documents: readonly ReportDocument[],
  { title, version, notes = [] }: Readonly<{ title: string | null; version: string; notes?: readonly string[] }>,
): string {
  const results = documents.filter(({ kind }) => kind !== 'compare');
  const compared = documents.filter((document) => document.kind === 'compare');
  const left = documents.length - MOST_DETAILS;
  return `${[
    `### ${title === null ? 'kmem-run' : escaped(titleText(title))}`,
    ...(results.length === 0 ? [] : [resultTable(results)]),
    ...compared.map(changes),
    ...profileSections(documents),
    ...notes.map((note) => `> ${escaped(titleText(note))}`),
    ...documents.slice(0, MOST_DETAILS).map(details),
    ...(left > 0 ? [`and ${counted(left, 'more result')}, included in the table`] : []),
    `<sub>kmem-run ${escaped(version)}</sub>`,
  ].join('\n\n')}\n`;
}

function profileSections(documents: readonly ReportDocument[]): string[] {
  const sections = documents
    .map((document) => (document.kind === 'run' ? profileSection(document.result) : null))
    .filter((section) => section !== null);
  return sections.slice(0, MOST_PROFILES);
}

/** A line end would end the heading and turn the rest into Markdown. */
function titleText(text: string): string {
  return text.replace(/\s+/g, ' ').trim();
}

function resultTable(documents: readonly ReportDocument[]): string {
  const head = ['', 'what', 'result', 'kmem limit', 'kmem peak', 'failcnt', 'first failing call'];
  const sides = ['left', 'left', 'left', 'right', 'right', 'right', 'left'] as const;
  return table(head, sides, documents.map(resultRow));
}

function resultRow(document: ReportDocument): string[] {
  if (document.kind === 'run') {
    const { result } = document;
    const { kmem, spec, outcome } = result;
    return [
      sign(outcome === 'passed'),
      code(shellLine(spec.command)),
      escaped(outcome),
      spec.limits.kmem === null ? 'none' : shortSize(spec.limits.kmem),
      shortSize(kmem.maxUsage),
      number(kmem.failcnt),
      code(firstFailing(result) ?? '', 80),
    ];
  }
  const { good, what, text } = summaryOf(document);
  return [sign(good), what, text, '', '', '', ''];
}

function sign(good: boolean | null): string {
  return good === null ? '' : good ? '✅' : '❌';
}

type Summary = Readonly<{ good: boolean | null; what: string; text: string }>;

function summaryOf(document: ReportDocument): Summary {
  if (document.kind === 'scenarios') {
    const { scenarios } = document.report;
    const { all, passed, failed, error, skipped, flaky } = countOutcomes(scenarios);
    const counts = Object.entries({ failed, error, skipped, flaky }).filter(([, count]) => count > 0);
    const text = [`${passed} of ${all} passed`, ...counts.map(([name, count]) => `${count} ${name}`)].join(', ');
    return { good: failed + error === 0, what: 'scenarios', text };
  }
  return document.kind === 'experiment' ? experimentSummary(document.report) : { good: null, what: '', text: '' };
}

function experimentSummary(report: ExperimentReport): Summary {
  switch (report.kind) {
    case 'sweep': {
      const passed = report.points.reduce((sum, point) => sum + point.passed, 0);
      const text = [
        `${groupDigits(passed)} of ${counted(report.runs.made, 'run')} pass, at ${counted(report.points.length, 'point')}`,
        ...hitTexts(report.points, (count) => counted(count, 'point')),
      ].join('; ');
      return { good: null, what: `sweep of ${code(shellLine(report.command))}`, text };
    }
    case 'bisect':
      return {
        good: report.answer.kind === 'found',
        what: `bisect of ${code(shellLine(report.command))}`,
        text: escaped(sentence(report).text),
      };
    case 'explore': {
      const bad = Object.entries(report.counts).filter(([name, count]) => count > 0 && name !== 'notFailed');
      const text = bad.map(([name, count]) => `${count} ${escaped(name)}`).join(', ') || 'nothing was made to fail';
      const { crash, hang, silent, leak } = report.counts;
      return { good: crash + hang + silent + leak === 0, what: `explore of ${code(shellLine(report.command))}`, text };
    }
    case 'fidelity':
      return {
        good: report.same,
        what: `fidelity on ${code(report.kernel)}`,
        text: report.same ? 'the same' : 'not the same',
      };
  }
}

function changes({ a, b, comparison }: Compared): string {
  const { points, verdict, onlyA, onlyB, circumstances } = comparison;
  const rows = points.flatMap((point) => changedRows(point, points.length > 1));
  const shown = rows.slice(0, MOST_CHANGES);
  const more = rows.length - shown.length;
  const only = [...onlyA, ...onlyB].length;
  const head = ['', `A: ${code(a.name, 40)}`, `B: ${code(b.name, 40)}`, ''];
  return [
    `**What changed** from ${code(a.name, 40)} (${counted(a.runs, 'run')}) to ${code(b.name, 40)} (${counted(b.runs, 'run')}): ${verdicts[verdict]}`,
    ...(shown.length === 0 ? [] : [table(head, ['left', 'left', 'left', 'left'], shown)]),
    ...(more > 0 ? [`and ${counted(more, 'other row')}`] : []),
    ...points
      .map((point) => growthSections(growthOfPeak(point), escaped(placeText(point.at))))
      .filter((sections) => sections.length > 0)
      .slice(0, MOST_GROWN)
      .flat(),
    ...(only > 0 ? [`${counted(only, 'setting')} of only one of them: not compared`] : []),
    ...(circumstances.length === 0
      ? []
      : [`Other differences: ${circumstances.map(({ what }) => escaped(what)).join(', ')}.`]),
  ].join('\n\n');
}

/** For one point, all that decides; for several, what differs. */
function changedRows({ at, tallies, figures, calls }: ComparedPoint, isOneOfMany: boolean): string[][] {
  const where = isOneOfMany ? `${escaped(placeText(at))}: ` : '';
  const isTold = ({ verdict }: { verdict: Verdict }) =>
    !isOneOfMany || verdict === 'different' || verdict === 'cannot-tell';
  return [
    ...tallies
      .filter(isTold)
      .map((row) => [where + escaped(row.key), tallyText(row.a), tallyText(row.b), verdicts[row.verdict]]),
    ...figures
      .filter((row) => row.decides && isTold(row))
      .map((row) => [
        where + escaped(names[row.key] ?? row.key),
        spreadText(row.a),
        spreadText(row.b),
        verdicts[row.verdict],
      ]),
    ...calls
      .filter(isTold)
      .map((row) => [`${where}${code(row.call, 80)}`, `in ${row.a}`, `in ${row.b}`, verdicts[row.verdict]]),
  ];
}

function placeText(at: ComparedPoint['at']): string {
  return Object.entries(at)
    .map(([key, value]) => `${key} ${settingText(typeof value === 'number' ? key : 'kernel', value)}`)
    .join(', ');
}

function tallyText(counts: Readonly<Record<string, number>>): string {
  const all = Object.entries(counts);
  return (
    all
      .map(([kind, count]) => `${escaped(kindText(kind))}${count === 1 && all.length === 1 ? '' : ` ×${count}`}`)
      .join(', ') || 'none'
  );
}

function spreadText(spread: Spread | null): string {
  if (spread === null) return NOT_READ;
  const { min, median, max } = spread;
  return min === max ? groupDigits(median) : `${groupDigits(median)} (${groupDigits(min)} to ${groupDigits(max)})`;
}

/** The blank lines separate Markdown and HTML. */
function details(document: ReportDocument): string {
  const text = documentText(document, { color: false, width: 100, verbose: true, plot: true });
  return `<details><summary>${summaryLine(document)}</summary>\n\n${pre(text)}\n\n</details>`;
}

function summaryLine(document: ReportDocument): string {
  if (document.kind === 'run')
    return `${code(shellLine(document.result.spec.command), 80)}: ${escaped(document.result.outcome)}`;
  if (document.kind === 'compare') return `${code(document.a.name, 40)} and ${code(document.b.name, 40)} compared`;
  return summaryOf(document).what;
}
