import type { ReplayReport } from '../../experiment/replay/report.ts';
import { commandIn } from '../../request/run-input.ts';
import { formatSize, groupDigits } from '../../request/size.ts';
import type { Recorded } from '../../statistics/recorded.ts';
import type { KindRow, ReplayedFigure, ReplayVerdict } from '../../statistics/replayed.ts';
import type { Spread } from '../../statistics/spread.ts';
import { counted, NOT_READ } from '../../text/figures.ts';
import { headLines, type LabelledLines, type Line, layOut, type Style, type Tone } from '../../text/layout.ts';
import { escapeControls, shellLine } from '../../text/quote.ts';
import { columns, cut, visible } from '../../text/visible.ts';
import { noticeRows } from './experiment.ts';
import { localTime } from './history.ts';

const COMMAND_LENGTH = 60;
const VALUE_LENGTH = 100;

const tones: Readonly<Record<ReplayVerdict, Tone>> = {
  same: 'plain',
  'within-spread': 'plain',
  different: 'bad',
  'not-known': 'warn',
};

export function replayJson(report: ReplayReport): string {
  return `${escapeControls(JSON.stringify(report, null, 2))}\n`;
}

export function replayText(report: ReplayReport, style: Style): string {
  const rows = [
    { label: 'recorded', lines: [recordedText(report.recorded)] },
    ...(report.verdict === null ? [] : comparedRows(report)),
    ...noteRows(report),
    {
      label: 'not reused',
      lines: report.notReproduced.map((text): Line => ({ text: visible(text), tone: 'dim' })),
    },
    ...noticeRows(report),
  ];
  const width = Math.max(...rows.map(({ label }) => columns(label)));
  const tone = report.verdict === 'same' ? 'good' : report.verdict === null ? 'warn' : 'bad';
  return [...headLines(tone, headline(report), style), ...layOut(rows, width, style)]
    .map((text) => `${text}\n`)
    .join('');
}

function headline({ verdict, kinds, figures, replays, recorded, status }: ReplayReport): string {
  if (verdict === null) return 'not replayed';
  const runs = `${counted(replays.length, 'replay')}${status === 'done' ? '' : ' so far'}`;
  if (verdict === 'same') return `the same in ${runs}: ${visible(recorded.facts.outcome)}`;
  const missed = kinds.find(({ what, verdict: own }) => what.startsWith('injection ') && own === 'different');
  const different = [...kinds, ...figures].filter((row) => row.verdict === 'different');
  const names = cut(different.map(({ what }) => what).join(', '), VALUE_LENGTH);
  return `different in ${names} (${runs})${missed === undefined ? '' : `; ${missedText(missed)}`}`;
}

/** Why a requested failure did not happen. */
function missedText({ replayed }: KindRow): string {
  const kinds = Object.keys(replayed);
  if (kinds.some((kind) => kind.startsWith('diverged')))
    return 'the program made a different call at that address, and kmem-run did not make it fail';
  return kinds.includes('not-reached') ? 'the program did not reach that call' : 'the call was failed this time';
}

function recordedText({ id, startedAt, input }: Recorded): string {
  return `${visible(id)}, ${localTime(startedAt)}: ${cut(shellLine(commandIn(input)), COMMAND_LENGTH)}`;
}

function comparedRows({ kinds, figures, replays }: ReplayReport): LabelledLines[] {
  // Of steps and implicit expectations, only changes are shown: the outcome covers the rest.
  const shown = kinds.filter(({ what, verdict }) => verdict !== 'same' || !/^(step|expectation) /.test(what));
  return [
    ...shown.map((row): LabelledLines => ({ label: visible(row.what), lines: [kindLine(row, replays.length)] })),
    ...figures.map((row): LabelledLines => ({ label: row.what, lines: [figureLine(row)] })),
  ];
}

function kindLine({ recorded, replayed, verdict }: KindRow, replays: number): Line {
  const was = cut(recorded, VALUE_LENGTH);
  if (verdict === 'same') return { text: `${was}: same`, tone: tones.same };
  const came = Object.entries(replayed).map(
    ([kind, runs]) => cut(kind, VALUE_LENGTH) + (runs === replays ? '' : ` (${runs} of ${replays})`),
  );
  return { text: `${was} → ${came.join(', ')}: ${verdictText(verdict)}`, tone: tones[verdict] };
}

function figureLine({ recorded, replayed, unit, verdict, tolerance }: ReplayedFigure): Line {
  if (recorded === null && replayed === null) return { text: `${NOT_READ} in either`, tone: 'plain' };
  const was = recorded === null ? NOT_READ : valueText(recorded, unit);
  if (verdict === 'same') return { text: `${was}: same`, tone: 'plain' };
  const within = verdict === 'within-spread' ? `, which is ${groupDigits(tolerance)}` : '';
  return { text: `${was} → ${spreadText(replayed)}: ${verdictText(verdict)}${within}`, tone: tones[verdict] };
}

function verdictText(verdict: ReplayVerdict): string {
  if (verdict === 'not-known') return 'cannot be compared';
  return verdict === 'within-spread' ? 'the same within the spread' : verdict;
}

function valueText(value: number, unit: ReplayedFigure['unit']): string {
  return unit === 'bytes' ? `${groupDigits(value)} (${formatSize(value)})` : groupDigits(value);
}

function spreadText(spread: Spread | null): string {
  if (spread === null) return NOT_READ;
  const { min, median, max } = spread;
  return `${groupDigits(median)}${min === max ? '' : ` (${groupDigits(min)} to ${groupDigits(max)})`}`;
}

function noteRows({ circumstances }: ReplayReport): LabelledLines[] {
  if (circumstances.length === 0) return [];
  const lines = circumstances.map(({ what, recorded, replayed }): Line => {
    const came = replayed.map((value) => cut(value, VALUE_LENGTH)).join(' or ');
    // The name may come from a token that somebody else created.
    return { text: `${visible(what)}: ${cut(recorded, VALUE_LENGTH)} → ${came}`, tone: 'warn' };
  });
  return [{ label: 'note', lines }];
}
