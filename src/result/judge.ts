import { compileStepExpectation, type Expectation, implicitExpectations } from '../spec/expect.ts';
import type { RunSpec } from '../spec/run-spec.ts';
import { decideOutcome } from './outcome.ts';
import type { Result } from './schema.ts';

/** A result without its verdict. */
export type RunRecord = Omit<Result, 'outcome' | 'expectations'>;

/** What the command wrote, as far as an expectation reads it; null: not read. */
export type Output = Readonly<{ stdout: string | null; stderr: string | null }>;

/** Those of the steps of a plan, in their order. */
export function stepExpectations({ plan }: Pick<RunSpec, 'plan'>): Expectation[] {
  return (plan ?? []).flatMap(({ expect }, index) => expect.map((expr) => compileStepExpectation(expr, index)));
}

/** Adds the verdict. Where nothing ran there is nothing to expect of. */
export function judge(record: RunRecord, ofRun: readonly Expectation[], output: Output): Result {
  const ofSteps = stepExpectations(record.spec);
  const given = [...ofSteps, ...ofRun];
  const steps = record.spec.plan?.length ?? record.spec.then.length + 1;
  const isOfStep = new Set(ofSteps);
  const expected =
    given.length === 0 || record.steps.length === 0 ? [] : [...given, ...implicitExpectations(steps, given)];
  const beforeExpectations = { ...record, expectations: [], outcome: decideOutcome({ ...record, expectations: [] }) };
  const expectations = expected.map((expectation) => ({
    expr: expectation.expr,
    step: isOfStep.has(expectation) ? Number(expectation.path[1]) : null,
    implicit: !given.includes(expectation),
    ...expectation.evaluate({ result: beforeExpectations, ...output }),
  }));
  return { ...record, expectations, outcome: decideOutcome({ ...record, expectations }) };
}
