/** One plot on the page: drawn when it comes into view, in the colours of the page, with marks that open. */

import type { EChartsType } from 'echarts/core';
import { use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { formatDuration } from '../../../text/figures.ts';
import { init } from '../../plots/charts.ts';
import { heightOf, optionOf, type Plot } from '../../plots/index.ts';
import { factsOf, type Mark, marksOf } from '../../plots/marks.ts';
import { dark, light, type Palette } from '../../plots/palette.ts';
import { fullText } from '../../plots/parts.ts';
import { copyButton, element } from './dom.ts';

const scheme = matchMedia('(prefers-color-scheme: dark)');
const STRIDE = 25;

export function mountPlot(plot: Plot, place: HTMLElement): EChartsType {
  const figure = place.closest('figure') ?? place;
  let onPaper = false;
  place.style.height = `${heightOf(plot, place.clientWidth)}px`;
  const chart = draw(place);
  const paint = (): void => {
    const palette: Palette = scheme.matches && !onPaper ? dark : light;
    chart.setOption(optionOf(plot, { palette, width: place.clientWidth, live: true }), { notMerge: true });
  };
  paint();
  let width = place.clientWidth;
  new ResizeObserver(() => {
    if (place.clientWidth === width || place.clientWidth === 0) return;
    width = place.clientWidth;
    place.style.height = `${heightOf(plot, width)}px`;
    chart.resize();
    paint();
  }).observe(place);
  scheme.addEventListener('change', paint);
  const print = (printing: boolean) => () => {
    onPaper = printing;
    paint();
  };
  window.addEventListener('beforeprint', print(true));
  window.addEventListener('afterprint', print(false));
  openMarks(plot, chart, place, figure);
  showReadout(plot, chart, figure);
  return chart;
}

type Clicked = Readonly<{ seriesId?: string; dataIndex?: number }>;

function openMarks(plot: Plot, chart: EChartsType, place: HTMLElement, figure: Element): void {
  const panel = figure.querySelector('.mark');
  let marks: Mark[] | null = null;
  const all = (): Mark[] => {
    marks ??= marksOf(plot);
    return marks;
  };
  let current = -1;
  const open = (index: number, byKey: boolean): void => {
    const mark = all()[index];
    current = mark === undefined ? -1 : index;
    chart.dispatchAction({ type: 'downplay' });
    panel?.replaceChildren(...(mark === undefined ? [] : [detailOf(plot, mark, `${index + 1} of ${all().length}`)]));
    if (mark === undefined) chart.dispatchAction({ type: 'hideTip' });
    else {
      const { seriesIndex, dataIndex } = mark;
      chart.dispatchAction({ type: 'highlight', seriesIndex, dataIndex });
      if (byKey) chart.dispatchAction({ type: 'showTip', seriesIndex, dataIndex });
    }
  };
  chart.on('click', (event) => {
    const { seriesId, dataIndex } = event as Clicked;
    open(
      all().findIndex((mark) => mark.seriesId === seriesId && mark.dataIndex === dataIndex),
      false,
    );
  });
  place.addEventListener('keydown', (event) => {
    const last = all().length - 1;
    const to = {
      ArrowRight: current + 1,
      ArrowLeft: current - 1,
      PageDown: current + STRIDE,
      PageUp: current - STRIDE,
      Home: 0,
      End: last,
      Escape: -1,
    }[event.key];
    if (to === undefined || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    open(event.key === 'Escape' ? -1 : Math.min(last, Math.max(0, to)), true);
  });
}

function detailOf(plot: Plot, mark: Mark, which: string): HTMLElement {
  const known = factsOf(plot, mark);
  if (known === null) return element('p', {}, `${which}: ${mark.text.replaceAll('\n', '; ')}`);
  const list = element('dl', { class: 'facts' }, element('dt', {}, 'mark'), element('dd', {}, which));
  for (const [label, value] of known.facts) list.append(element('dt', {}, label), element('dd', {}, value));
  if (known.replay === null) return list;
  const line = element(
    'div',
    { class: 'shell' },
    element('code', {}, known.replay),
    copyButton(known.replay, 'Copy the replay command'),
  );
  return element('div', {}, list, line);
}

type Pointed = Readonly<{ axesInfo?: readonly Readonly<{ value: number }>[] }>;

function showReadout(plot: Plot, chart: EChartsType, figure: Element): void {
  const line = figure.querySelector('.readout');
  if (line === null) return;
  if (readoutAt(plot, 0) === null) {
    line.remove();
    return;
  }
  const rest = 'Point at the plot to read values. Zoom with Ctrl and the wheel. The arrow keys move between marks.';
  line.textContent = rest;
  chart.on('updateAxisPointer', (event) => {
    const [axis] = (event as Pointed).axesInfo ?? [];
    line.textContent = (axis === undefined ? null : readoutAt(plot, axis.value)) ?? rest;
  });
}

use([CanvasRenderer]);

export function draw(place: HTMLElement): EChartsType {
  return init(place, null, { renderer: 'canvas' });
}

/** Null: this kind of plot has none. */
export function readoutAt(plot: Plot, atMs: number): string | null {
  if (plot.kind === 'timeline') {
    const { samples } = plot.data;
    const at = nearest(samples.atMs, atMs);
    const time = samples.atMs[at];
    if (time === undefined) return null;
    const [kmem, mem, processes] = [samples.kmem[at] ?? null, samples.mem[at] ?? null, samples.processes[at] ?? null];
    return `${formatDuration(time)}: kernel memory ${fullText(kmem, 'bytes', 'not read')}, memory ${fullText(mem, 'bytes', 'not read')}, processes ${fullText(processes, 'count', 'not read')}`;
  }
  if (plot.kind !== 'comparison') return null;
  const sides = plot.data.runs.map(({ atMs: times, kmem, side }) => {
    const at = nearest(times, atMs);
    return `${side === 0 ? 'A' : 'B'} ${fullText(kmem[at] ?? null, 'bytes', 'not read')}`;
  });
  return `${formatDuration(atMs)}: ${sides.join(', ')}`;
}

function nearest(times: readonly number[], wanted: number): number {
  let [low, high] = [0, times.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((times[middle] ?? 0) <= wanted) low = middle;
    else high = middle;
  }
  return Math.abs((times[low] ?? 0) - wanted) <= Math.abs((times[high] ?? 0) - wanted) ? low : high;
}
