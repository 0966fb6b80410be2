import { type EChartsType, use } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { init } from '../../plots/charts.ts';

use([CanvasRenderer]);

export function draw(place: HTMLElement): EChartsType {
  return init(place, null, { renderer: 'canvas' });
}
