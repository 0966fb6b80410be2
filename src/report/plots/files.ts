/** Plots as files: SVG by ECharts alone, PNG through a rasteriser. No browser. */

import { createRequire } from 'node:module';
import { use } from 'echarts/core';
import { SVGRenderer } from 'echarts/renderers';
import { SetupError } from '../../errors.ts';
import { visible } from '../../text/visible.ts';
import { init } from './charts.ts';
import { heightOf, optionOf, type Plot } from './index.ts';
import { light } from './palette.ts';

export { plotsOf } from './of-documents.ts';

use([SVGRenderer]);

const WIDTH = 960;
/** For screens of double density. */
const ZOOM = 2;

/** With its title and description, for people who cannot see it. */
export function plotSvg(plot: Plot, width = WIDTH): string {
  const height = heightOf(plot, width);
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption(optionOf(plot, { palette: light, width, live: false }));
  const svg = chart.renderToSVGString();
  chart.dispose();
  const text = (words: string) =>
    visible(words).replace(/[&<>]/g, (c) => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[c] ?? '');
  const named = `<title>${text(plot.title)}</title><desc>${text(plot.about)}</desc>`;
  return `${svg.replace(/^<svg([^>]*)>/, `<svg$1 role="img">${named}`)}\n`;
}

/** @throws SetupError `no-rasteriser`. */
export function plotPng(svg: string): Uint8Array {
  const { Resvg } = loadResvg();
  const options = {
    fitTo: { mode: 'zoom', value: ZOOM },
    font: { loadSystemFonts: true, defaultFontFamily: 'DejaVu Sans' },
  } as const;
  return new Resvg(svg, options).render().asPng();
}

function loadResvg() {
  try {
    // Not import(): Node warns about it in a bundle run as a vm script.
    return createRequire(import.meta.url)('@resvg/resvg-js') as typeof import('@resvg/resvg-js');
  } catch (cause) {
    const hint = 'npm install @resvg/resvg-js, or use --svg DIR alone';
    throw new SetupError('no-rasteriser', 'PNG files need @resvg/resvg-js, which is not installed here', hint, {
      cause,
    });
  }
}
