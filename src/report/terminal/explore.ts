import type { ExploreClass, ExploreCounts, ExploreFinding, ExploreReport } from '../../experiment/explore/report.ts';
import { groupDigits } from '../../request/size.ts';
import { counted, duration } from '../../text/figures.ts';
import { headLines, type LabelledLines, layOut, type Style, type Tone } from '../../text/layout.ts';
import { shellLine } from '../../text/quote.ts';
import { cut, visible } from '../../text/visible.ts';
import { noticeRows } from './experiment.ts';

const labelWidth = 'warning'.length;
const COMMAND_LENGTH = 60;
const DETAIL_LENGTH = 80;
const MESSAGE_LENGTH = 200;
const SHOWN_ADDRESSES = 4;
const SHOWN_KINDS = 25;
const tones: Readonly<Record<ExploreClass, Tone>> = {
  crash: 'bad',
  hang: 'bad',
  silent: 'bad',
  leak: 'warn',
  handled: 'good',
};

const plurals: Readonly<Record<ExploreClass, string>> = {
  crash: 'crashes',
  hang: 'hangs',
  silent: 'silent',
  leak: 'leaks',
  handled: 'handled',
};

export function exploreText(report: ExploreReport, style: Style): string {
  const { status, findings } = report;
  const tone = findings.length > 0 ? 'bad' : status === 'done' ? 'good' : 'warn';
  const kinds = [...Map.groupBy(findings, kindOf).values()];
  return [
    ...headLines(tone, headline(report), style),
    ...kinds.slice(0, SHOWN_KINDS).flatMap((same) => ['', ...layOut([findingRow(same)], labelWidth, style)]),
    ...(kinds.length > SHOWN_KINDS
      ? ['', `  and ${kinds.length - SHOWN_KINDS} more: --json FILE lists all of them`]
      : []),
    '',
    ...layOut([...scoreRows(report), ...callRows(report), runRow(report), ...noticeRows(report)], labelWidth, style),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function headline({ status, findings, command, counts }: ExploreReport): string {
  const what = cut(shellLine(command), COMMAND_LENGTH);
  const tried = triedOf(counts);
  const stopped = status === 'done' ? '' : 'stopped; ';
  if (findings.length === 0) return `${stopped}no findings in ${counted(tried, 'failure')} of ${what}`;
  const classes = [...Map.groupBy(findings, (finding) => finding.class)].map(([name, own]) =>
    counted(own.length, name, plurals[name]),
  );
  return `${stopped}${counted(findings.length, 'finding')} in ${counted(tried, 'failure')} of ${what}: ${classes.join(', ')}`;
}

function triedOf({ crash, hang, silent, leak, handled, unsteady }: ExploreCounts): number {
  return crash + hang + silent + leak + handled + unsteady;
}

/** The same reaction of a program to the same kind of call. */
function kindOf({ class: name, program, syscall, detail, how }: ExploreFinding): string {
  return JSON.stringify([name, program, syscall, detail?.replace(/\d+/g, '#'), how]);
}

function findingRow(same: readonly ExploreFinding[]): LabelledLines {
  const [first, ...others] = same;
  if (first === undefined) return { label: '', lines: [] };
  const { program, syscall, detail, mode, how, message, seen, runs, replay } = first;
  const object = detail === null ? '' : ` of ${cut(detail, DETAIL_LENGTH)}`;
  const persists = mode === 'once' ? '' : ', and all later calls of its process';
  const share = seen === runs ? '' : ` (in ${seen} of ${runs} runs)`;
  const more = others.slice(0, SHOWN_ADDRESSES).map(({ address }) => address);
  const rest = others.length > more.length ? `, and ${others.length - more.length} more` : '';
  return {
    label: first.class,
    lines: [
      {
        text: `${program === null ? '' : `${visible(program)}: `}${syscall}${object}${persists}`,
        tone: tones[first.class],
      },
      `${visible(how)}${share}`,
      ...(message === null ? [] : [`it printed: ${cut(message, MESSAGE_LENGTH)}`]),
      visible(replay),
      ...(more.length === 0 ? [] : [`the same: --fail ${more.join(', ')}${rest}`]),
    ],
  };
}

function scoreRows({ score, counts, unsteady }: ExploreReport): LabelledLines[] {
  if (score === null) return [];
  const { handled, crash, hang, silent, leak, mute } = counts;
  // Only a full score shows 100 %.
  const percent = Math.floor(score * 100);
  const quiet = mute === 0 ? '' : ` (${mute} of them failed without a message)`;
  const doubt =
    unsteady.length === 0 ? '' : `; ${groupDigits(unsteady.length)} unconfirmed: bad once, and not when repeated`;
  return [
    {
      label: 'score',
      lines: [
        {
          text: `${percent} %: ${groupDigits(handled)} of ${counted(handled + crash + hang + silent + leak, 'failure')} handled${quiet}${doubt}`,
          tone: score === 1 ? 'good' : 'plain',
        },
      ],
    },
  ];
}

function callRows({ calls, counts }: ExploreReport): LabelledLines[] {
  if (calls === null) return [];
  const { listed, unstable, wanted, duplicates, beyondLimit, chosen } = calls;
  const parts = [
    `${groupDigits(chosen)} of ${counted(listed, 'call')} made to fail, alone and with all later ones`,
    ...(wanted < listed ? [`${groupDigits(listed - wanted)} not selected`] : []),
    ...(duplicates > 0 ? [`${counted(duplicates, 'duplicate')} (--all tries them too)`] : []),
    ...(beyondLimit > 0 ? [`${groupDigits(beyondLimit)} beyond --limit`] : []),
    ...(unstable > 0 ? [`${groupDigits(unstable)} left out because they differ between runs`] : []),
    ...(counts.notFailed > 0 ? [`${counted(counts.notFailed, 'time')} no call failed`] : []),
  ];
  return [{ label: 'calls', lines: [parts.join('; ')] }];
}

function runRow({ runs, jobs, warmup, timeoutMs, id }: ExploreReport): LabelledLines {
  const { made, planned } = runs;
  const cpus = jobs.map((own) => (own === null ? 'any' : own.join('+'))).join(', ');
  const parts = [
    made === planned ? groupDigits(made) : `${groupDigits(made)} of about ${groupDigits(planned)}`,
    `${counted(jobs.length, 'job')} on CPU ${cpus}`,
    counted(warmup, 'warm-up'),
    timeoutMs === null ? 'no time limit' : `at most ${duration(timeoutMs)} a run`,
    ...(made === 0 ? [] : [`saved as ${id}`]),
  ];
  return { label: 'runs', lines: [parts.join('; ')] };
}
