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
    /** The smallest limit to try (one page). */
    lo?: Size | null | undefined;
    /** The highest, at which it passes (from its peak without a limit). */
    hi?: Size | null | undefined;
    /** Runs to confirm the limit with, on either side (3). */
    confirm?: number | undefined;
  }>;

/** Finds the smallest kmem limit, to the page, at which a command passes: `answer.kind` says whether there is one. */
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
