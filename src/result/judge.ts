import { type Expectation, implicitExpectations } from '../spec/expect.ts';
import { decideOutcome } from './outcome.ts';
import type { Result } from './schema.ts';

/** A result without its verdict. */
export type RunRecord = Omit<Result, 'outcome' | 'expectations'>;

/** What the command wrote, as far as an expectation reads it; null: not read. */
export type Output = Readonly<{ stdout: string | null; stderr: string | null }>;

/** Adds the verdict. Where nothing ran there is nothing to expect of. */
export function judge(record: RunRecord, given: readonly Expectation[], output: Output): Result {
  const expected =
    given.length === 0 || record.steps.length === 0
      ? []
      : [...given, ...implicitExpectations(record.spec.then.length + 1, given)];
  const beforeExpectations = { ...record, expectations: [], outcome: decideOutcome({ ...record, expectations: [] }) };
  const expectations = expected.map((expectation) => ({
    expr: expectation.expr,
    implicit: !given.includes(expectation),
    ...expectation.evaluate({ result: beforeExpectations, ...output }),
  }));
  return { ...record, expectations, outcome: decideOutcome({ ...record, expectations }) };
}
