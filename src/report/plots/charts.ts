/** The parts of ECharts that the plots need, and no others. */

import { BarChart, HeatmapChart, LineChart, ScatterChart } from 'echarts/charts';
import {
  AxisPointerComponent,
  DataZoomComponent,
  GridComponent,
  LegendComponent,
  LegendScrollComponent,
  MarkAreaComponent,
  MarkLineComponent,
  TooltipComponent,
  VisualMapContinuousComponent,
} from 'echarts/components';
import { use } from 'echarts/core';

use([
  ...[LineChart, ScatterChart, HeatmapChart, BarChart],
  ...[GridComponent, TooltipComponent, AxisPointerComponent, DataZoomComponent, LegendComponent, LegendScrollComponent],
  ...[MarkLineComponent, MarkAreaComponent, VisualMapContinuousComponent],
]);

export { init } from 'echarts/core';
