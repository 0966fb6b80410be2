import { headline } from '../report/headline.ts';
import type { Result } from '../result/schema.ts';
import { compileExpectation } from '../spec/expect.ts';
import type { Attempt } from './attempt.ts';

/** Whether a run of a scenario is what it was meant to be, and if not, why: a line for each expectation that does not hold. */
export function verdictOf(result: Result): Pick<Attempt, 'status' | 'reasons'> {
  if (result.outcome === 'passed' || wasMeant(result)) return { status: 'passed', reasons: [] };
  const failed = result.expectations.filter(({ passed }) => !passed);
  const reasons = [
    headline(result),
    ...failed.map((each) => `${placeOf(result, each.step)}${each.expr}: it is ${shown(each.actual)}`),
  ];
  const errors = result.steps.flatMap(({ error }, index) =>
    error === null ? [] : [`${placeOf(result, index)}${error}`],
  );
  const status = result.outcome === 'setup-error' || result.outcome === 'interrupted' ? 'error' : 'failed';
  return { status, reasons: [...reasons, ...errors] };
}

/** An end by the time limit or the OOM killer can be what a scenario is about: then it says so. */
function wasMeant({ outcome, expectations, spec }: Result): boolean {
  if (outcome !== 'timeout' && outcome !== 'oom') return false;
  const named = spec.expect.some((expr) =>
    ['outcome', 'terminationReason'].includes(String(compileExpectation(expr).path[0])),
  );
  return named && expectations.every(({ passed, implicit }) => passed || implicit);
}

/** `stop: `, or `step 2: `. */
function placeOf({ steps }: Result, index: number | null): string {
  if (index === null) return '';
  return `${steps[index]?.name ?? `step ${index}`}: `;
}

function shown(actual: string | number | boolean | null): string {
  if (actual === null) return 'not known';
  return typeof actual === 'string' ? JSON.stringify(actual) : String(actual);
}
