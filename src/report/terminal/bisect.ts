/** The report of a bisection: the limit in a sentence, what failed just below it, what it is based on. */

import type { BisectAnswer, BisectReport, LimitTally } from '../../experiment/bisect/report.ts';
import { groupDigits } from '../../request/size.ts';
import { headline } from '../../result/headline.ts';
import { counted, duration, size } from '../../text/figures.ts';
import { headLines, type LabelledLines, layOut, type PlotStyle, type Style, type Tone } from '../../text/layout.ts';
import { shellLine } from '../../text/quote.ts';
import { cut } from '../../text/visible.ts';
import { noticeRows } from './experiment.ts';
import { failureRows } from './failures.ts';
import { profileRows } from './profile.ts';
import { searchPathText, survivalOfTrials } from './search-path.ts';
import { survivalText } from './survival.ts';

const labelWidth = 'just below'.length;
const COMMAND_LENGTH = 60;

export function bisectText(report: BisectReport, style: PlotStyle): string {
  const { text, tone } = sentence(report);
  const rows = [
    ...limitRows(report),
    ...belowRows(report),
    ...(report.justBelow === null ? [] : profileRows(report.justBelow.result)),
    runRow(report),
    ...(report.status === 'done' || report.runs === 0
      ? []
      : [{ label: 'resume', lines: [`kmem-run bisect --resume ${report.id}`] }]),
    ...noticeRows(report),
  ];
  const head = `${cut(shellLine(report.command), COMMAND_LENGTH)} ${text}`;
  const lines = [...headLines(tone, head, style), ...layOut(rows, labelWidth, style)]
    .map((line) => `${line}\n`)
    .join('');
  return style.plot === true ? lines + plotsOf(report, style) : lines;
}

function plotsOf({ trials }: BisectReport, style: Style): string {
  return [searchPathText({ trials }, style), survivalText(survivalOfTrials(trials), style)]
    .filter((plot) => plot !== '')
    .map((plot) => `\n${plot}`)
    .join('');
}

export function sentence({ answer, confirm, trials }: BisectReport): { text: string; tone: Tone } {
  const each = `(${confirm}/${confirm} each)`;
  switch (answer.kind) {
    case 'found': {
      const { passesAt, failsAt, between } = answer;
      const luck = between.length === 0 ? '' : '; between them results vary';
      return { text: `passes at ${bytes(passesAt)}, fails at ${bytes(failsAt)} ${each}${luck}`, tone: 'good' };
    }
    case 'always':
      return {
        text: `passes at ${bytes(answer.passesAt)} (${confirm}/${confirm}), the smallest limit to try`,
        tone: 'warn',
      };
    case 'never':
      return answer.upTo === null
        ? { text: 'does not pass without a limit either', tone: 'bad' }
        : { text: `fails at every limit tried, up to ${bytes(answer.upTo)}`, tone: 'bad' };
    case 'not-monotonic': {
      const { passes, fails } = answer;
      const text = `has no smallest limit: it passes at ${tally(passes)}, but fails at ${tally(fails)}, a higher limit`;
      return { text, tone: 'bad' };
    }
    case 'noisy':
      return { text: `has no reliable limit: ${noise(answer)}`, tone: 'bad' };
    case 'unfinished': {
      const { passesAt, failsAt } = answer;
      const known = [
        ...(passesAt === null ? [] : [`passes at ${bytes(passesAt)}`]),
        ...(failsAt === null ? [] : [`fails at ${bytes(failsAt)}`]),
      ].join(', ');
      const so = known === '' ? 'nothing is known yet' : `so far it ${known}, not confirmed`;
      return {
        text: `is not fully bisected: ${trials.length === 0 ? 'nothing is known yet' : so}`,
        tone: 'warn',
      };
    }
  }
}

function noise({ passesAt, failsAt }: Extract<BisectAnswer, { kind: 'noisy' }>): string {
  if (passesAt === null && failsAt === null) return 'results vary at every limit tried';
  if (passesAt === null) return `it fails at ${bytes(failsAt ?? 0)}, and results vary above that limit`;
  return `it passes at ${bytes(passesAt)}, and results vary below that limit`;
}

function limitRows({ answer, unlimited, pageSize }: BisectReport): LabelledLines[] {
  const found = answer.kind === 'found' ? answer : null;
  const between = answer.kind === 'found' || answer.kind === 'noisy' ? answer.between : [];
  const from = answer.kind === 'not-monotonic' ? answer.from : null;
  const surprises = answer.kind === 'found' || answer.kind === 'always' ? answer.surprises : [];
  const spread = found === null ? 0 : (found.passesAt - found.failsAt) / pageSize;
  return [
    ...(found === null
      ? []
      : [
          {
            label: 'limit',
            lines: [
              `${size(found.passesAt)}${spread > 1 ? `; results vary in the ${counted(spread - 1, 'page')} below it` : ', to the page'}`,
            ],
          },
        ]),
    ...(from === null ? [] : [{ label: 'from', lines: [`${size(from)}, and passed at every higher limit tried`] }]),
    ...(between.length === 0 ? [] : [{ label: 'between', lines: [between.map(tally).join(', ')] }]),
    ...(surprises.length === 0
      ? []
      : [
          {
            label: 'elsewhere',
            lines: [{ text: `unexpected: ${surprises.map(tally).join(', ')}`, tone: 'warn' as const }],
          },
        ]),
    ...(unlimited === null ? [] : [{ label: 'no limit', lines: [unlimitedText(unlimited)] }]),
  ];
}

function unlimitedText({ runs, passed, peak }: NonNullable<BisectReport['unlimited']>): string {
  if (runs === 0) return 'not run yet';
  return passed === runs ? `passes, and peaks at ${size(peak)}` : `passes ${passed} of ${counted(runs, 'time')}`;
}

function belowRows({ justBelow, answer }: BisectReport): LabelledLines[] {
  if (justBelow === null) return [];
  const { limit, result } = justBelow;
  const failures = failureRows(result, false).flatMap(({ lines }) => lines);
  return [
    {
      label: answer.kind === 'found' ? 'just below' : 'failed',
      lines: [`${limit === null ? 'without a limit' : `at ${bytes(limit)}`}: ${headline(result)}`, ...failures],
    },
  ];
}

function runRow({ runs, trials, unlimited, warmup, timeoutMs, id }: BisectReport): LabelledLines {
  const count = (...phases: string[]) => trials.filter(({ phase }) => phases.includes(phase)).length;
  const free = unlimited?.runs ?? 0;
  const parts = [
    [free, 'without a limit'],
    [count('bracket', 'search'), 'to find it'],
    [count('confirm', 'widen'), 'to confirm it'],
    [count('audit', 'recheck'), 'to check that passing is monotonic'],
  ] as const;
  const made = parts.filter(([number]) => number > 0).map(([number, what]) => `${number} ${what}`);
  const all = made.length === 0 ? groupDigits(runs) : `${groupDigits(runs)}: ${made.join(', ')}`;
  const limit = timeoutMs === null ? [] : [`at most ${duration(timeoutMs)} a run`];
  return {
    label: 'runs',
    lines: [[all, counted(warmup, 'warm-up'), ...limit, ...(runs === 0 ? [] : [`saved as ${id}`])].join('; ')],
  };
}

function tally({ limit, passed, runs }: LimitTally): string {
  return `${bytes(limit)} (${passed}/${runs})`;
}

function bytes(limit: number): string {
  return groupDigits(limit);
}
