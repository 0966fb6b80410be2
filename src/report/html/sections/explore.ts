import type { ExploreFinding, ExploreReport } from '../../../experiment/explore/report.ts';
import { counted, groupDigits } from '../../../text/figures.ts';
import { callsOf, exploreOf } from '../../plots/explore-tree.ts';
import { badge, commandOf, type Fact, figures, heading, howItWasMade, notices, shellCommand } from '../common.ts';
import type { Gathering } from '../data.ts';
import { html, type Markup, type Section } from '../markup.ts';

const SHOWN_KINDS = 20;

export function exploreSection(report: ExploreReport, prefix: string, gathering: Gathering): Section {
  const { counts, status } = report;
  // Not from the listed findings: a saved exploration has its findings in its counts.
  const bad = counts.crash + counts.hang + counts.silent + counts.leak;
  const found = !isJudged(report)
    ? badge('explore: not judged yet', 'warn')
    : bad === 0
      ? badge('explore: no findings', status === 'done' ? 'good' : 'warn')
      : badge(`explore: ${counted(bad, 'finding')}`, 'bad');
  return {
    title: `explore: ${commandOf(report)}`,
    body: html`${heading(2, [found, html` <code>${commandOf(report)}</code>`])}
${figures(firstFigures(report))}
${notices(report)}
${gathering.figure(exploreOf(report, `${prefix}-tree`))}
${report.tried === undefined ? html`<p class="note">This report lists findings only; reports of later versions of kmem-run list handled calls too.</p>` : null}
${findingPart(report)}
${callTable(report, prefix, gathering)}
${howItWasMade(report)}`,
  };
}

/** The saved result of one that still runs or was killed has runs but no verdicts. */
function isJudged({ score, tried = [] }: ExploreReport): boolean {
  return score !== null || !tried.some((trial) => trial.class === 'not judged');
}

function firstFigures(report: ExploreReport): Fact[] {
  const { score, counts, calls, runs } = report;
  if (!isJudged(report))
    return [
      ['Handled, found', 'not judged yet'],
      ['Runs', groupDigits(runs.made)],
    ];
  const { handled, crash, hang, silent, leak, unsteady, mute, notFailed } = counts;
  const bad = [
    [crash, 'crash', 'crashes'],
    [hang, 'hang', 'hangs'],
    [silent, 'silent', 'silent'],
    [leak, 'leak', 'leaks'],
  ] as const;
  const words = bad.filter(([count]) => count > 0).map(([count, one, more]) => counted(count, one, more));
  const judged = handled + crash + hang + silent + leak;
  return [
    [
      'Handled',
      score === null ? 'nothing was tried' : `${Math.floor(score * 100)} %`,
      score === null ? null : `${groupDigits(handled)} of ${counted(judged, 'failure')}`,
    ],
    [
      'Found',
      words.join(', ') || 'nothing',
      unsteady === 0 ? null : `${groupDigits(unsteady)} unconfirmed: bad once, and not when repeated`,
    ],
    ['Failed without a message', groupDigits(mute)],
    [
      'Calls',
      calls === null ? 'not recorded' : groupDigits(calls.chosen),
      calls === null ? null : `of ${groupDigits(calls.listed)} listed; ${counted(notFailed, 'time')} none failed`,
    ],
    ['Runs', groupDigits(runs.made), runs.made === runs.planned ? null : `of about ${groupDigits(runs.planned)}`],
  ];
}

/** The same reaction of a program to the same kind of call is shown once. */
function findingPart({ findings }: ExploreReport): Markup {
  const kinds = [
    ...Map.groupBy(findings, ({ class: name, program, syscall, how }) =>
      JSON.stringify([name, program, syscall, how]),
    ).values(),
  ];
  if (kinds.length === 0) return html``;
  const more = kinds.length - SHOWN_KINDS;
  return html`${heading(3, 'Findings')}
${kinds.slice(0, SHOWN_KINDS).map(findingItem)}
${more > 0 ? html`<p class="note">And ${more} more, in the table below.</p>` : null}`;
}

function findingItem(same: readonly ExploreFinding[]): Markup {
  const [first, ...others] = same;
  if (first === undefined) return html``;
  const { program, syscall, detail, mode, how, message, seen, runs, replay } = first;
  const what = `${program === null ? '' : `${program}: `}${syscall}${detail === null ? '' : ` of ${detail}`}${mode === 'once' ? '' : ', and all later calls of its process'}`;
  return html`<div class="finding">${heading(4, [badge(first.class, first.class === 'leak' ? 'warn' : 'bad'), ' ', html`<code>${what}</code>`])}
<p>${how}${seen === runs ? null : ` (in ${seen} of ${runs} runs)`}</p>
${message === null ? null : html`<p class="note">It printed: <code>${message}</code></p>`}
${shellCommand(replay, `the command that repeats ${first.address}`)}
${others.length === 0 ? null : html`<details><summary>The same at ${counted(others.length, 'other call')}</summary>${others.map((other) => shellCommand(other.replay, `the command that repeats ${other.address}`))}</details>`}</div>
`;
}

function callTable(report: ExploreReport, prefix: string, gathering: Gathering): Markup {
  const calls = callsOf(report);
  if (calls.length === 0) return html``;
  return html`${heading(3, 'Calls made to fail')}${gathering.table({
    id: `${prefix}-calls`,
    caption: counted(calls.length, 'failure'),
    columns: [
      { title: 'class', unit: 'text' },
      { title: 'process', unit: 'text' },
      { title: 'program', unit: 'text', whenNull: 'not read' },
      { title: 'call', unit: 'text' },
      { title: 'object', unit: 'text', whenNull: '–' },
      { title: 'reaction', unit: 'text', whenNull: 'no call failed' },
      { title: 'replay', unit: 'text', whenNull: '–' },
    ],
    rows: calls.map(({ class: name, process, program, syscall, detail, how, replay }) => [
      name,
      process,
      program,
      syscall,
      detail,
      how,
      replay,
    ]),
    groups: [0, 1, 2, 3],
    choices: [0, 1, 2, 3],
    copied: 6,
  })}`;
}
