import { numberFor } from '../experiment/bounds.ts';
import type { ExploreQuestion } from '../experiment/explore/explore.ts';
import { explorePlan } from '../experiment/explore/plan.ts';
import type { ExploreReport } from '../experiment/explore/report.ts';
import type { RunInput } from '../request/run-input.ts';
import { subjectOf } from '../scenario/subject.ts';
import { type ExperimentEvent, experiment, type Planned } from './experiment.ts';
import { type CommonInput, flagIn, keyAsName, namesIn, type SubjectInput, splitInput } from './input.ts';
import type { EndOptions } from './run.ts';
import type { Running } from './running.ts';

export type ExploreInput = SubjectInput<keyof RunInput & keyof typeof WITHOUT> &
  CommonInput &
  Readonly<{
    /** Fail only these system calls, by name; absent: all that allocate. */
    only?: readonly string[] | null | undefined;
    /** Fail only calls of these programs, by name; absent: of all. */
    in?: readonly string[] | null | undefined;
    /** Include duplicates: calls of the same kind by the same program on the same object; absent: false. */
    all?: boolean | undefined;
    /** Largest number of calls to fail; absent: no limit. */
    limit?: number | null | undefined;
  }>;

/**
 * Fails each call of a command that allocates kernel memory, one in each run, and classifies the reaction. Resolves
 * with the report; after an abort with `status: 'stopped'` and what is known so far.
 * @throws SetupError (as a rejection) if the input is invalid or runs could not be performed. If any run was planned,
 * `.result` is the report.
 */
export function explore(input: ExploreInput, options: EndOptions = {}): Running<ExploreReport, ExperimentEvent> {
  return experiment(() => planned(input), options);
}

const WITHOUT = {
  kmem: 'explore fails calls one by one; sweep tries limits',
  inject: 'explore chooses the calls that fail',
  kernel: 'explore requires the gate on the running kernel',
  reserve: 'explore sets no kmem limit',
  reclaim: 'explore sets no kmem limit',
  rcuWait: 'explore sets no kmem limit',
  profile: 'explore reports how calls fail, not what memory consists of',
  traceGate: 'each run would overwrite the file',
};

async function planned(given: ExploreInput): Promise<Planned<ExploreReport>> {
  const { asked, own, common } = splitInput(given, ['only', 'in', 'all', 'limit'], WITHOUT);
  const question: ExploreQuestion = {
    ...(await subjectOf(asked, keyAsName)),
    ...{ ...common, all: flagIn(own('all'), 'all') },
    only: namesIn(own('only'), 'only'),
    within: namesIn(own('in'), 'in'),
    limit: own('limit') === undefined ? null : numberFor('limit', own('limit'), keyAsName),
  };
  return { question, plan: explorePlan(question, keyAsName, null) };
}
