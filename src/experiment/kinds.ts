import type { BisectReport } from './bisect/report.ts';
import type { ExploreReport } from './explore/report.ts';
import type { FidelityReport } from './fidelity/report.ts';
import type { SweepReport } from './sweep/report.ts';

export type ExperimentReport = SweepReport | BisectReport | ExploreReport | FidelityReport;
