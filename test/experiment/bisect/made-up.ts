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
export const nameOf = (key: string) => key;

export const question = (changes: Partial<BisectQuestion> = {}): BisectQuestion => ({
  input: { command: ['true'] },
  scenario: null,
  jobs: 1,
  lo: null,
  hi: null,
  confirm: 3,
  warmup: 1,
  prepare: null,
  ...changes,
});

export type Changes = Partial<DriverOptions<BisectRun, BisectHistory>>;

export const options = (runner: Runner, changes: Changes = {}): DriverOptions<BisectRun, BisectHistory> => ({
  jobs: [{ cpus: [0] }],
  runner,
  ...unwatched,
  ...changes,
});

export async function bisect(asked: BisectQuestion, runner: Runner, changes: Changes = {}) {
  const plan = planBisect(asked, nameOf);
  const conclusion = await perform(plan, plan.empty, options(runner, changes));
  return { plan, ...conclusion, answer: plan.answer(conclusion.history) };
}

export const runsOf = ({ free, trials }: BisectHistory) => free.length + trials.length;
