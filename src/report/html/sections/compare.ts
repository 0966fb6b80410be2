import type { ComparedSide, ReportDocument } from '../../../scenario/documents.ts';
import type { ComparedFigure, ComparedPoint, Comparison } from '../../../statistics/compare.ts';
import type { Spread, Verdict } from '../../../statistics/spread.ts';
import { counted, NOT_READ } from '../../../text/figures.ts';
import { comparedSurvivalOf, overlayOf } from '../../plots/of-compare.ts';
import { fullText } from '../../plots/parts.ts';
import { kindText } from '../../terminal/compare.ts';
import { badge, figures, heading, type Tone, table } from '../common.ts';
import type { Gathering } from '../data.ts';
import { html, type Markup, type Section } from '../markup.ts';

const tones: Readonly<Record<Verdict, Tone>> = {
  same: 'good',
  'within-spread': 'good',
  different: 'bad',
  'cannot-tell': 'warn',
};
const words: Readonly<Record<Verdict, string>> = {
  same: 'the same',
  'within-spread': 'the same within the spread',
  different: 'different',
  'cannot-tell': 'cannot tell: too few runs',
};
const names: Readonly<Record<string, string>> = {
  'kmem.maxUsage': 'kmem peak',
  'kmem.failcnt': 'failcnt',
  'mem.maxUsage': 'mem peak',
};

type Compared = Extract<ReportDocument, { kind: 'compare' }>;

export function compareSection({ a, b, comparison }: Compared, prefix: string, gathering: Gathering): Section {
  const { verdict, points } = comparison;
  return {
    title: `compare: ${a.name} and ${b.name}`,
    body: html`${heading(2, [badge(words[verdict], tones[verdict]), html` <code>${a.name}</code> and <code>${b.name}</code>`])}
${figures([sideFact('A', a), sideFact('B', b)])}
${gathering.figure(overlayOf(a, b, `${prefix}-comparison`))}
${gathering.figure(comparedSurvivalOf(comparison, [a.name, b.name], `${prefix}-survival`))}
${points.map((point) => pointPart(point, points.length > 1))}
${onlyPart(comparison)}
${circumstancePart(comparison)}`,
  };
}

function sideFact(label: string, { name, runs, commands }: ComparedSide): [string, string, string] {
  return [label, name, `${counted(runs, 'run')} of ${commands.join(' or ') || 'nothing'}`];
}

function pointPart(point: ComparedPoint, isOneOfMany: boolean): Markup {
  const { tallies, figures: own, calls, verdict } = point;
  const title = isOneOfMany ? `${settingText(point.at)}: ${words[verdict]}` : 'What differs';
  return html`${heading(3, title)}${table({
    caption: isOneOfMany ? `At ${settingText(point.at)}` : 'Both sides',
    columns: [
      { title: 'what', unit: 'text' },
      { title: 'A', unit: 'text' },
      { title: 'B', unit: 'text' },
      { title: 'verdict', unit: 'text' },
    ],
    rows: [
      ...tallies.map(({ key, a, b, verdict: each }) => [key, tallyText(a), tallyText(b), words[each]]),
      ...own.map((row) => [
        names[row.key] ?? row.key,
        spreadText(row.a, row),
        spreadText(row.b, row),
        row.decides ? words[row.verdict] : 'for information',
      ]),
      ...calls.map(({ call, a, b, verdict: each }) => [
        call,
        `in ${a} of ${point.runsA}`,
        `in ${b} of ${point.runsB}`,
        words[each],
      ]),
    ],
  })}`;
}

function tallyText(counts: Readonly<Record<string, number>>): string {
  return (
    Object.entries(counts)
      .map(([kind, count]) => `${kindText(kind)} ×${count}`)
      .join(', ') || 'none'
  );
}

function spreadText(spread: Spread | null, { unit }: ComparedFigure): string {
  if (spread === null) return NOT_READ;
  const { min, median, max } = spread;
  return min === max
    ? fullText(median, unit)
    : `${fullText(median, unit)}, from ${fullText(min, unit)} to ${fullText(max, unit)}`;
}

function settingText(at: ComparedPoint['at']): string {
  return Object.entries(at)
    .map(
      ([key, value]) =>
        `${key} ${typeof value === 'number' && key !== 'pids' ? fullText(value, 'bytes') : (value ?? 'none')}`,
    )
    .join(', ');
}

function onlyPart({ onlyA, onlyB }: Comparison): Markup {
  const rows = [...onlyA.map((at) => [settingText(at), 'A']), ...onlyB.map((at) => [settingText(at), 'B'])];
  if (rows.length === 0) return html``;
  return table({
    caption: 'Settings at which only one side ran',
    columns: [
      { title: 'setting', unit: 'text' },
      { title: 'side', unit: 'text' },
    ],
    rows,
  });
}

function circumstancePart({ circumstances }: Comparison): Markup {
  if (circumstances.length === 0) return html``;
  return html`${heading(3, 'What else differs')}${table({
    caption: 'Possible causes, or reasons to distrust the comparison',
    columns: [
      { title: 'what', unit: 'text' },
      { title: 'A', unit: 'text' },
      { title: 'B', unit: 'text' },
    ],
    rows: circumstances.map(({ what, a, b }) => [what, a.join(' or '), b.join(' or ')]),
  })}`;
}
