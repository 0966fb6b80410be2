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
    /** These system calls alone. */
    only?: readonly string[] | null | undefined;
    /** Calls of these programs alone. */
    in?: readonly string[] | null | undefined;
    /** Duplicates too: calls of the same program, of the same kind, on the same object. */
    all?: boolean | undefined;
    /** At most so many calls. */
    limit?: number | null | undefined;
  }>;

/** Makes each call of a command that allocates kernel memory fail, one in a run, and tells what it makes of it. */
export function explore(input: ExploreInput, options: EndOptions = {}): Running<ExploreReport, ExperimentEvent> {
  return experiment(() => planned(input), options);
}

const WITHOUT = {
  kmem: 'calls fail by their address, not by a limit; sweep tries limits',
  inject: 'explore chooses the calls that fail',
  kernel: 'explore requires the gate on the running kernel',
  reserve: 'there is no limit to keep it free of',
  reclaim: 'there is no limit to reclaim for',
  rcuWait: 'there is no limit to wait for',
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
