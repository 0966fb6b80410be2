import { type BisectQuestion, withoutLimit } from '../experiment/bisect/bisect.ts';
import { bisectPlan } from '../experiment/bisect/plan.ts';
import type { BisectReport } from '../experiment/bisect/report.ts';
import { numberFor } from '../experiment/bounds.ts';
import { parseLimit, type Size } from '../request/size.ts';
import { subjectOf } from '../scenario/subject.ts';
import { type ExperimentEvent, experiment, type Planned } from './experiment.ts';
import { type CommonInput, keyAsName, type SubjectInput, splitInput } from './input.ts';
import type { EndOptions } from './run.ts';
import type { Running } from './running.ts';

export type BisectInput = SubjectInput<'kmem' | 'traceGate'> &
  CommonInput &
  Readonly<{
    /** Smallest limit to try, in bytes or as a string such as `'64K'`; absent: one page. */
    lo?: Size | null | undefined;
    /** Limit at which the command passes; nothing above it is tried. Absent: derived from the peak of the run without a limit. */
    hi?: Size | null | undefined;
    /** Number of runs that confirm each side of the limit; absent: 3. */
    confirm?: number | undefined;
  }>;

/**
 * Finds the smallest kmem limit, to the page, at which a command passes. Resolves with the report, whose `answer.kind`
 * says whether there is such a limit; after an abort with `status: 'stopped'` and what is known so far.
 * @throws SetupError (as a rejection) if the input is invalid or runs could not be performed. If any run was planned,
 * `.result` is the report.
 */
export function bisect(input: BisectInput, options: EndOptions = {}): Running<BisectReport, ExperimentEvent> {
  return experiment(() => planned(input), options);
}

const WITHOUT = {
  kmem: 'bisect searches for this limit; lo and hi set the range',
  traceGate: 'each run would overwrite the file',
};

async function planned(given: BisectInput): Promise<Planned<BisectReport>> {
  const { asked, own, common } = splitInput(given, ['lo', 'hi', 'confirm'], WITHOUT);
  const limit = (key: 'lo' | 'hi'): number | null => {
    const size = own(key);
    return size === undefined ? null : parseLimit(size as Size, { name: key });
  };
  const confirm = own('confirm') === undefined ? 3 : numberFor('confirm', own('confirm'), keyAsName);
  const subject = withoutLimit(await subjectOf(asked, keyAsName), limit('hi'));
  const question: BisectQuestion = { ...subject, ...common, lo: limit('lo'), confirm };
  return { question, plan: bisectPlan(question, keyAsName) };
}
