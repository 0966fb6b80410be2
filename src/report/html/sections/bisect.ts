import type { BisectReport, LimitTally } from '../../../experiment/bisect/report.ts';
import { headline } from '../../../result/headline.ts';
import { counted, exactSize, groupDigits, size } from '../../../text/figures.ts';
import { timelineOf } from '../../plots/parts-of-kmem.ts';
import { searchOf } from '../../plots/search-path.ts';
import { sentence } from '../../terminal/bisect.ts';
import { badge, commandOf, type Fact, figures, heading, howItWasMade, notices, type Tone } from '../common.ts';
import type { Gathering } from '../data.ts';
import { html, type Markup, type Section } from '../markup.ts';
import { failureParts } from './failures.ts';
import { profilePart } from './profile.ts';

export function bisectSection(report: BisectReport, prefix: string, gathering: Gathering): Section {
  const { text, tone } = sentence(report);
  const look: Tone = tone === 'good' || tone === 'warn' || tone === 'bad' ? tone : 'plain';
  return {
    title: `bisect: ${commandOf(report)}`,
    body: html`${heading(2, [badge(`bisect: ${report.answer.kind}`, look), html` <code>${commandOf(report)}</code>`])}
<p>It ${text}.</p>
${figures(firstFigures(report))}
${notices(report)}
${gathering.figure(searchOf(report, `${prefix}-search`))}
${belowPart(report, prefix, gathering)}
${howItWasMade(report, [
  ['trials on each side', String(report.confirm)],
  ['page', `${groupDigits(report.pageSize)} bytes`],
])}`,
  };
}

function firstFigures({ answer, unlimited, runs }: BisectReport): Fact[] {
  const limit = (at: number | null): string => (at === null ? 'unknown' : exactSize(at));
  return [
    ...('passesAt' in answer ? [['Passes at', limit(answer.passesAt)] as Fact] : []),
    ...('failsAt' in answer ? [['Fails at', limit(answer.failsAt)] as Fact] : []),
    ...('between' in answer && answer.between.length > 0
      ? [['Between', 'results vary', answer.between.map(tally).join(', ')] as Fact]
      : []),
    ...('surprises' in answer && answer.surprises.length > 0
      ? [['Not as expected', answer.surprises.map(tally).join(', ')] as Fact]
      : []),
    [
      'Peak without a limit',
      unlimited === null ? 'not measured' : size(unlimited.peak),
      unlimited === null ? 'its range was given' : `${unlimited.passed} of ${counted(unlimited.runs, 'run')} passed`,
    ],
    ['Runs', groupDigits(runs)],
  ];
}

function tally({ limit, passed, runs }: LimitTally): string {
  return `${groupDigits(limit)} (${passed}/${runs})`;
}

function belowPart({ justBelow }: BisectReport, prefix: string, gathering: Gathering): Markup {
  if (justBelow === null) return html``;
  const { limit, result } = justBelow;
  // A bisection saves no samples, and an empty plot would say nothing.
  const course = result.samples.length === 0 ? null : timelineOf(result, `${prefix}-timeline`);
  return html`${heading(3, limit === null ? 'What failed without a limit' : `What failed at ${exactSize(limit)}`)}
<p>${headline(result)}</p>
${gathering.figure(course, 4)}
${failureParts(result, prefix, gathering, 4)}
${profilePart(result, prefix, gathering, 4)}`;
}
