import { settingText } from '../../../experiment/survival.ts';
import { type HitColumn, hitColumns } from '../../../experiment/sweep/hits.ts';
import type { SweepPoint, SweepReport } from '../../../experiment/sweep/report.ts';
import type { Spread } from '../../../statistics/spread.ts';
import { counted } from '../../../text/figures.ts';
import { heatmapOf, peaksOf, survivalPlotOf } from '../../plots/of-sweep.ts';
import type { TableCell } from '../../plots/types.ts';
import { badge, commandOf, figures, heading, howItWasMade, notices } from '../common.ts';
import type { Gathering } from '../data.ts';
import { html, type Section } from '../markup.ts';

export function sweepSection(report: SweepReport, prefix: string, gathering: Gathering): Section {
  const { runs, points, status, seed, repeat } = report;
  const passed = points.reduce((sum, point) => sum + point.passed, 0);
  const whole = status === 'done' ? badge('sweep', 'plain') : badge('sweep, incomplete', 'warn');
  return {
    title: `sweep: ${commandOf(report)}`,
    body: html`${heading(2, [whole, html` <code>${commandOf(report)}</code>`])}
${figures([
  [
    'Runs',
    counted(runs.made, 'run'),
    runs.made === runs.planned ? `at ${counted(points.length, 'point')}` : `of ${runs.planned} planned`,
  ],
  ['Passed', runs.made === 0 ? 'no run was made' : `${passed} of ${runs.made}`],
  ['Swept', report.axes.join(', ') || 'nothing'],
])}
${notices(report)}
${gathering.figure(survivalPlotOf(report, `${prefix}-survival`))}
${gathering.figure(heatmapOf(report, `${prefix}-heatmap`))}
${gathering.figure(peaksOf(report, `${prefix}-peaks`))}
${heading(3, 'Points')}${pointTable(report, prefix, gathering)}
${howItWasMade(report, [
  ['seed', String(seed)],
  ['at each point', counted(repeat, 'run')],
])}`,
  };
}

function pointTable({ axes, points }: SweepReport, prefix: string, gathering: Gathering) {
  const none = 'not read';
  const hits = hitColumns(points);
  return gathering.table({
    id: `${prefix}-points`,
    caption: 'Each point',
    columns: [
      ...axes.map((axis) => ({ title: axis, unit: 'text' as const })),
      { title: 'runs', unit: 'count' },
      { title: 'passed', unit: 'count' },
      { title: 'outcomes', unit: 'text', whenNull: 'no run was made' },
      { title: 'failcnt, median', unit: 'count', whenNull: none },
      ...hits.map(({ title }) => ({ title: `${title}, most`, unit: 'count' as const, whenNull: 'not counted' })),
      { title: 'peak, median', unit: 'bytes', whenNull: none },
      { title: 'peak, most', unit: 'bytes', whenNull: none },
      { title: 'took, median', unit: 'ms', whenNull: none },
      { title: 'first failing call', unit: 'text', whenNull: 'none failed' },
    ],
    rows: points.map((point) => rowOf(point, axes, hits)),
    groups: [],
    choices: [],
    copied: null,
  });
}

function rowOf(point: SweepPoint, axes: readonly string[], hits: readonly HitColumn[]): TableCell[] {
  const outcomes = Object.entries(point.outcomes).map(([name, count]) => `${name} ×${count}`);
  return [
    ...axes.map((axis) => settingText(axis, point.settings[axis] ?? null)),
    point.runs,
    point.passed,
    outcomes.length === 0 ? null : outcomes.join(', '),
    median(point.failcnt),
    ...hits.map(({ key }) => point.hits?.[key]?.max ?? null),
    median(point.peak),
    point.peak?.max ?? null,
    median(point.wallMs),
    firstCall(point),
  ];
}

function median(spread: Spread | null): number | null {
  return spread === null ? null : Math.round(spread.median);
}

function firstCall({ firstCalls, runs }: SweepPoint): string | null {
  const [most, ...others] = firstCalls.toSorted((a, b) => b.runs - a.runs);
  if (most === undefined) return null;
  const { comm, syscall, detail, errno } = most;
  const object = detail === null ? '' : ` ${detail}`;
  const share = most.runs === runs ? '' : `, in ${most.runs} of ${runs}`;
  return `${comm === null ? '' : `${comm}: `}${syscall}${object}${errno === null ? '' : ` (${errno})`}${share}${others.length === 0 ? '' : `, ${counted(others.length, 'other')}`}`;
}
