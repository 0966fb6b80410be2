import type { ReportDocument } from '../../scenario/documents.ts';
import { exploreOf } from './explore-tree.ts';
import type { Plot } from './index.ts';
import { comparedSurvivalOf, overlayOf } from './of-compare.ts';
import { heatmapOf, peaksOf, survivalPlotOf } from './of-sweep.ts';
import { partsOf, timelineOf } from './parts-of-kmem.ts';
import { searchOf } from './search-path.ts';

/** `prefix`: the start of their ids. */
export function plotsOf(document: ReportDocument, prefix: string): Plot[] {
  return plotsOrNot(document, (name) => `${prefix}-${name}`).filter((plot) => plot !== null);
}

function plotsOrNot(document: ReportDocument, id: (name: string) => string): (Plot | null)[] {
  switch (document.kind) {
    case 'run':
      return [timelineOf(document.result, id('timeline')), partsOf(document.result, id('parts'))];
    case 'compare': {
      const { a, b, comparison } = document;
      return [overlayOf(a, b, id('comparison')), comparedSurvivalOf(comparison, [a.name, b.name], id('survival'))];
    }
    case 'scenarios':
      return document.report.scenarios.flatMap(({ results }, index) => {
        const last = results.at(-1);
        return last === undefined ? [] : [timelineOf(last, id(`timeline-${index + 1}`))];
      });
    case 'experiment':
      return experimentPlots(document.report, id);
  }
}

type Experiment = Extract<ReportDocument, { kind: 'experiment' }>['report'];

function experimentPlots(report: Experiment, id: (name: string) => string): (Plot | null)[] {
  switch (report.kind) {
    case 'sweep':
      return [survivalPlotOf(report, id('survival')), heatmapOf(report, id('heatmap')), peaksOf(report, id('peaks'))];
    case 'bisect': {
      const below = report.justBelow?.result ?? null;
      return [
        searchOf(report, id('search')),
        below === null || below.samples.length === 0 ? null : timelineOf(below, id('timeline')),
      ];
    }
    case 'explore':
      return [exploreOf(report, id('tree'))];
    case 'fidelity':
      return [];
  }
}
