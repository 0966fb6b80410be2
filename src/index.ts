/** The library: the commands as functions that print nothing and never exit. They reject with a SetupError only. */
export { SetupError } from './errors.ts';
export type { BisectReport } from './experiment/bisect/report.ts';
export type { ExploreReport } from './experiment/explore/report.ts';
export type { SweepReport } from './experiment/sweep/report.ts';
export { type BisectInput, bisect } from './library/bisect.ts';
export type { ExperimentEvent } from './library/experiment.ts';
export { type ExploreInput, explore } from './library/explore.ts';
export { type EndOptions, type RunEvent, type RunOptions, run } from './library/run.ts';
export type { Running } from './library/running.ts';
export { type ScenarioEvent, type ScenarioInput, scenario } from './library/scenario.ts';
export { type SizeRange, type SweepInput, sweep } from './library/sweep.ts';
export type { PlanInput, RunInput, StepInput } from './request/run-input.ts';
export type { Result } from './result/schema.ts';
export type { BaselineChange, BaselineOutcome, ScenarioOutcome, ScenariosReport } from './scenario/report.ts';
