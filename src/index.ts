/** The library: what `kmem-run run` does, as a function. */
export { SetupError } from './errors.ts';
export type { Result } from './result/schema.ts';
export { type RunOptions, run } from './run.ts';
export type { RunInput } from './spec/run-input.ts';
export type { PlanInput, StepInput } from './spec/step-input.ts';
