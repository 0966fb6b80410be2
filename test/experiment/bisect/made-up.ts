import {
  type BisectHistory,
  type BisectQuestion,
  type BisectRun,
  planBisect,
} from '../../../src/experiment/bisect/bisect.ts';
import { type DriverOptions, perform, type Runner } from '../../../src/experiment/driver.ts';
import { pageSize } from '../../../src/host/page-size.ts';
import { unwatched } from '../programs.ts';

export const PAGE = pageSize();
export function nameOf(key: string) {
  return key;
}

export function question(changes: Partial<BisectQuestion> = {}): BisectQuestion {
  return {
    input: { command: ['true'] },
    scenario: null,
    jobs: 1,
    lo: null,
    hi: null,
    confirm: 3,
    warmup: 1,
    prepare: null,
    ...changes,
  };
}

export type Changes = Partial<DriverOptions<BisectRun, BisectHistory>>;

export function options(runner: Runner, changes: Changes = {}): DriverOptions<BisectRun, BisectHistory> {
  return {
    jobs: [{ cpus: [0] }],
    runner,
    ...unwatched,
    ...changes,
  };
}

export async function bisect(asked: BisectQuestion, runner: Runner, changes: Changes = {}) {
  const plan = planBisect(asked, nameOf);
  const conclusion = await perform(plan, plan.empty, options(runner, changes));
  return { plan, ...conclusion, answer: plan.answer(conclusion.history) };
}

export function runsOf({ free, trials }: BisectHistory) {
  return free.length + trials.length;
}
