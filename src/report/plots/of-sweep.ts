import { type AxisValue, mainAxis, settingText, valuesOf } from '../../experiment/survival.ts';
import type { SweepPoint, SweepReport } from '../../experiment/sweep/report.ts';
import { kebab } from '../../request/run-input.ts';
import { counted } from '../../text/figures.ts';
import type { HeatmapPlot } from './heatmap.ts';
import type { PeaksPlot } from './peaks.ts';
import type { SurvivalPlot } from './survival.ts';

export function survivalPlotOf(report: SweepReport, id: string): SurvivalPlot | null {
  const axis = mainAxis(report);
  if (axis === null) return null;
  const limited = report.points.filter(({ settings }) => typeof settings[axis] === 'number');
  if (limited.length < 2) return null;
  const others = report.axes.filter((other) => other !== axis);
  const labelOf = ({ settings }: SweepPoint) =>
    others.map((other) => `${kebab(other)} ${settingText(other, settings[other] ?? null)}`).join(', ') || 'runs';
  const series = [...Map.groupBy(limited, labelOf)].map(([label, own]) => ({
    label,
    points: own
      .map(({ settings, runs, passed }) => ({ at: Number(settings[axis]), runs, passed }))
      .toSorted((a, b) => a.at - b.at),
  }));
  const [passed, runs] = [total(report.points, 'passed'), total(report.points, 'runs')];
  return {
    kind: 'survival',
    id,
    title: 'Runs that pass',
    about: `How many runs pass at each ${kebab(axis)} limit, with 95 % intervals by Wilson's method: ${passed} of ${counted(runs, 'run')} in all, at ${counted(limited.length, 'point')}.`,
    data: { axis: kebab(axis), unit: axis === 'pids' ? 'count' : 'bytes', series },
  };
}

export function peaksOf(report: SweepReport, id: string): PeaksPlot | null {
  const axis = mainAxis(report);
  if (axis === null || axis === 'pids') return null;
  const runs = report.points.flatMap(({ settings, figures }) => {
    const limit = settings[axis];
    if (typeof limit !== 'number') return [];
    return figures.map(({ id: run, peak, passed, outcome }) => ({ id: run, limit, peak, passed, outcome }));
  });
  if (!runs.some(({ peak }) => peak !== null)) return null;
  const unread = runs.filter(({ peak }) => peak === null).length;
  const missing = unread === 0 ? '' : ` The peak of ${counted(unread, 'run')} was not read.`;
  return {
    kind: 'peaks',
    id,
    title: 'Peak of kernel memory against the limit',
    about: `The highest kernel memory of each run at its ${kebab(axis)} limit.${missing}`,
    data: { axis: kebab(axis), runs },
  };
}

/** For two swept options; null if there are not exactly two. */
export function heatmapOf({ axes, points }: SweepReport, id: string): HeatmapPlot | null {
  const [x, y, ...more] = axes.toSorted((a, b) => valuesOf(points, b).length - valuesOf(points, a).length);
  if (x === undefined || y === undefined || more.length > 0) return null;
  const [columns, rows] = [valuesOf(points, x), valuesOf(points, y)];
  const fields = points.map(({ settings, passed, runs }) => ({
    x: columns.indexOf(settings[x] ?? null),
    y: rows.indexOf(settings[y] ?? null),
    passed,
    runs,
  }));
  const words = (axis: string, values: readonly AxisValue[]) => values.map((value) => settingText(axis, value));
  return {
    kind: 'heatmap',
    id,
    title: `Runs that pass, by ${kebab(x)} and ${kebab(y)}`,
    about: `How many runs pass at each pair of ${kebab(x)} and ${kebab(y)}.`,
    data: {
      x: { name: kebab(x), values: words(x, columns) },
      y: { name: kebab(y), values: words(y, rows) },
      fields,
    },
  };
}

function total(points: readonly SweepPoint[], key: 'passed' | 'runs'): number {
  return points.reduce((sum, point) => sum + point[key], 0);
}
