import type { BisectReport } from '../../experiment/bisect/report.ts';
import type { Share, Survival } from '../../experiment/survival.ts';
import { counted, exactSize } from '../../text/figures.ts';
import { painter, type Style } from '../../text/layout.ts';
import { type Cell, EMPTY, fitted, lineOf, plotWidth, ticksLine } from './cells.ts';

type Trials = BisectReport['trials'];

const INDENT = 2;
const MOST_TRIALS = 40;
const LEAST_ROOM = 20;

/** Lines with line ends, none wider than the terminal; empty if nothing was tried. */
export function searchPathText({ trials }: Pick<BisectReport, 'trials'>, { color, width }: Style): string {
  const limits = [...new Set(trials.map(({ limit }) => limit))].toSorted((a, b) => a - b);
  const [lowest, highest] = [limits[0], limits.at(-1)];
  if (lowest === undefined || highest === undefined) return '';
  const columns = plotWidth(width);
  const paint = painter(color);
  const shown = trials.slice(0, MOST_TRIALS);
  const margin = Math.max(...shown.map((trial, index) => labelOf(trial, index).length));
  const room = columns - INDENT - margin - 2;
  if (room < LEAST_ROOM) return `${fitted('  (too narrow for a plot)', columns)}\n`;
  const columnOf = (limit: number): number =>
    highest === lowest ? 0 : Math.round(((limit - lowest) / (highest - lowest)) * (room - 1));
  const rows = shown.map((trial, index) => {
    const cells: Cell[] = new Array<Cell>(room).fill(EMPTY);
    cells[columnOf(trial.limit)] = trial.passed ? { text: '●', tone: 'good' } : { text: '×', tone: 'bad' };
    return paint('dim', `${' '.repeat(INDENT)}${labelOf(trial, index).padEnd(margin)} │`) + lineOf(cells, paint);
  });
  const ends = [...new Set([lowest, highest])].map((limit, index) => {
    const text = exactSize(limit);
    return { from: index === 0 ? 0 : room - text.length, text };
  });
  const more = trials.length - shown.length;
  return [
    paint('dim', fitted('  the search, one trial per line: ● passed, × failed', columns)),
    ...rows,
    paint('dim', ' '.repeat(INDENT + margin + 2) + ticksLine(ends, room)),
    ...(more === 0 ? [] : [paint('dim', fitted(`  and ${counted(more, 'more trial')}`, columns))]),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function labelOf({ phase, limit }: Trials[number], index: number): string {
  return `${String(index + 1).padStart(2)} ${phase} ${exactSize(limit)}`;
}

/** Passes and runs at each limit that was tried. */
export function survivalOfTrials(trials: Trials): Survival {
  const byLimit = [...Map.groupBy(trials, ({ limit }) => limit)].toSorted(([a], [b]) => a - b);
  const shares = byLimit.map(
    ([, own]): Share => ({ passed: own.filter(({ passed }) => passed).length, runs: own.length }),
  );
  return { along: 'kmem', ticks: byLimit.map(([limit]) => exactSize(limit)), series: [{ label: '', shares }] };
}
