/** Whether a run is as intended: experiments and scenarios give the same answer as the exit status of a run. */

import { compileExpectation } from '../request/expect.ts';
import { exitStatus } from './outcome.ts';
import type { Result } from './schema.ts';

export type Meant = Pick<Result, 'outcome' | 'error' | 'expectations' | 'steps' | 'spec'>;

export function passes(result: Meant): boolean {
  const { outcome } = result;
  // A process was killed, yet the expectations hold.
  return outcome === 'passed' || (outcome === 'oom' && exitStatus(result) === 0) || wasMeant(result);
}

/** An end by the time limit or the OOM killer can be the purpose of a run; then an expectation names it. */
export function wasMeant({ outcome, expectations, spec }: Pick<Meant, 'outcome' | 'expectations' | 'spec'>): boolean {
  if (outcome !== 'timeout' && outcome !== 'oom') return false;
  const named = spec.expect.some((expr) =>
    ['outcome', 'terminationReason'].includes(String(compileExpectation(expr).path[0])),
  );
  return named && expectations.every(({ passed, implicit }) => passed || implicit);
}
