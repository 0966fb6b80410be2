/** The library: what the commands do, as functions that print nothing and never end the process. */
export { SetupError } from './errors.ts';
export { type BisectInput, bisect } from './library/bisect.ts';
export type { ExperimentEvent } from './library/experiment.ts';
export { type ExploreInput, explore } from './library/explore.ts';
export { type EndOptions, type RunEvent, type RunOptions, run } from './library/run.ts';
export type { Running } from './library/running.ts';
export { type ScenarioEvent, type ScenarioInput, scenario } from './library/scenario.ts';
export { type SizeRange, type SweepInput, sweep } from './library/sweep.ts';
export type { BisectReport } from './report/bisect.ts';
export type { ExploreReport } from './report/explore.ts';
export type { BaselineChange, BaselineOutcome, ScenarioOutcome, ScenariosReport } from './report/scenarios/types.ts';
export type { SweepReport } from './report/sweep.ts';
export type { Result } from './result/schema.ts';
export type { RunInput } from './spec/run-input.ts';
export type { PlanInput, StepInput } from './spec/step-input.ts';
