/** Every kind of plot, and how it is drawn. */

import type { EChartsOption } from 'echarts';
import { type ComparisonPlot, comparison } from './comparison.ts';
import { type ExplorePlot, exploreTree } from './explore-tree.ts';
import { type HeatmapPlot, heatmap } from './heatmap.ts';
import { type PartsPlot, partsOfKmem } from './parts-of-kmem.ts';
import { type PeaksPlot, peaks } from './peaks.ts';
import { type SearchPlot, search } from './search-path.ts';
import { type SurvivalPlot, survival } from './survival.ts';
import { type TimelinePlot, timeline } from './timeline.ts';
import type { Drawing, Look, NumbersTable } from './types.ts';

export type Plot =
  | TimelinePlot
  | PartsPlot
  | SurvivalPlot
  | PeaksPlot
  | HeatmapPlot
  | SearchPlot
  | ExplorePlot
  | ComparisonPlot;

const drawings = {
  timeline,
  parts: partsOfKmem,
  survival,
  peaks,
  heatmap,
  search,
  explore: exploreTree,
  comparison,
} as const satisfies { [K in Plot['kind']]: Drawing<Extract<Plot, { kind: K }>['data']> };

/** The kind of a plot says which drawing its data is for; TypeScript cannot follow that through a table. */
function drawingOf({ kind }: Plot): Drawing<Plot['data']> {
  return drawings[kind] as unknown as Drawing<Plot['data']>;
}

export function optionOf(plot: Plot, look: Look): EChartsOption {
  return drawingOf(plot).option(plot.data, look);
}

export function numbersOf(plot: Plot): NumbersTable {
  return drawingOf(plot).numbers(plot.data);
}

export function heightOf(plot: Plot, width: number): number {
  return drawingOf(plot).height(plot.data, width);
}
