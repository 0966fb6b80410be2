import {
  compileExpectation,
  compileStepExpectation,
  implicitExpectations,
  type ParsedExpectation,
} from '../request/expect.ts';
import type { RunSpec } from '../request/run-spec.ts';
import { decideOutcome } from './outcome.ts';
import type { Result } from './schema.ts';

/** A result without its verdict. */
export type RunRecord = Omit<Result, 'outcome' | 'expectations'>;

/** What the command wrote, as far as an expectation reads it; null: not read. */
export type Output = Readonly<{ stdout: string | null; stderr: string | null }>;

/** The expectations of a plan's steps, in order. */
export function stepExpectations({ plan }: Pick<RunSpec, 'plan'>): ParsedExpectation[] {
  return (plan ?? []).flatMap(({ expect }, index) => expect.map((expr) => compileStepExpectation(expr, index)));
}

/** The streams that must be captured for the expectations of the run and its steps, and for awaited conditions. */
export function streamsRead(spec: RunSpec, ofRun: readonly ParsedExpectation[]): ReadonlySet<'stdout' | 'stderr'> {
  const readsLog = (spec.plan ?? []).some((step) => {
    const awaited = step.kind === 'wait' ? step.waiting : 'ready' in step ? step.ready : null;
    return awaited?.until === 'log' && awaited.file === null;
  });
  if (readsLog) return new Set(['stdout', 'stderr'] as const);
  return new Set([
    ...ofRun.flatMap(({ reads }) => reads ?? []),
    ...stepExpectations(spec).flatMap(({ readsOfStep }) => readsOfStep ?? []),
  ]);
}

/** Each step must exit with 0, and become ready if requested; a step that was stopped with the plan has none. */
function implicitOf({ spec, steps }: RunRecord, given: readonly ParsedExpectation[]): ParsedExpectation[] {
  const named = new Set(given.map(({ step }) => step));
  const count = spec.plan?.length ?? spec.then.length + 1;
  const ready = (spec.plan ?? []).flatMap((step, index) =>
    'ready' in step && step.ready !== null && !named.has(index)
      ? [compileExpectation(`steps[${index}].error==null`)]
      : [],
  );
  const exits = implicitExpectations(count, given).filter(({ step }) => steps[step ?? 0]?.stopped !== true);
  return [...exits, ...ready];
}

/** Adds the verdict. If nothing ran, nothing is expected. */
export function judge(record: RunRecord, ofRun: readonly ParsedExpectation[], output: Output): Result {
  const ofSteps = stepExpectations(record.spec);
  const given = [...ofSteps, ...ofRun];
  const isOfStep = new Set(ofSteps);
  const expected = given.length === 0 || record.steps.length === 0 ? [] : [...given, ...implicitOf(record, given)];
  const beforeExpectations = { ...record, expectations: [], outcome: decideOutcome({ ...record, expectations: [] }) };
  const expectations = expected.map((expectation) => ({
    expr: expectation.expr,
    step: isOfStep.has(expectation) ? Number(expectation.path[1]) : null,
    implicit: !given.includes(expectation),
    ...expectation.evaluate({ result: beforeExpectations, ...output }),
  }));
  return { ...record, expectations, outcome: decideOutcome({ ...record, expectations }) };
}
