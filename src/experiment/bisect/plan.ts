/** How a bisection is run and reported. */

import { SetupError } from '../../errors.ts';
import { pageSize } from '../../host/page-size.ts';
import { normaliseSpec } from '../../request/normalise.ts';
import { groupDigits } from '../../request/size.ts';
import { exactSize } from '../../text/figures.ts';
import type { Names, Plan } from '../plan.ts';
import { type BisectHistory, type BisectQuestion, type BisectRun, planBisect } from './bisect.ts';
import type { BisectReport } from './report.ts';

/** @throws SetupError `conflicting-options`, `bad-range`, and those of normaliseSpec. */
export function bisectPlan(question: BisectQuestion, nameOf: Names): Plan<BisectRun, BisectHistory, BisectReport> {
  checkQuestion(question, nameOf);
  const bisect = planBisect(question, nameOf);
  const { timeoutMs, cpus } = normaliseSpec(question.input, { nameOf });
  return {
    experiment: bisect,
    runner: null,
    close: () => {},
    empty: bisect.empty,
    seed: null,
    cpus,
    // A limit is never 0.
    placeOf: (run) =>
      run.kind === 'warm-up' ? null : { point: run.kind === 'try' ? run.limit : 0, repeat: run.repeat },
    runAt: ({ point, repeat }) => (point === 0 ? { kind: 'free', repeat } : { kind: 'try', limit: point, repeat }),
    nameOf: (run) =>
      run.kind === 'try' ? `kmem ${exactSize(run.limit)}` : run.kind === 'free' ? 'no limit' : 'warm-up',
    count: (history) => {
      const done = history.free.length + history.trials.length;
      return { done, total: done + bisect.remaining(history) };
    },
    timeoutMs: (history) => timeoutMs ?? bisect.timeoutMs(history),
    report: (facts, history) => {
      const answer = bisect.answer(history);
      const phases = bisect.phases(history);
      const failsAt =
        'failsAt' in answer ? answer.failsAt : answer.kind === 'not-monotonic' ? answer.fails.limit : null;
      const limit = failsAt ?? highestFailed(history);
      const result = history.failed.get(limit);
      return {
        ...facts,
        kind: 'bisect',
        answer,
        confirm: question.confirm,
        pageSize: pageSize(),
        unlimited: question.hi === null ? unlimitedOf(history) : null,
        runs: history.free.length + history.trials.length,
        trials: history.trials.map(({ limit, repeat: _, ...figures }, index) => ({
          limit,
          phase: phases[index] ?? 'recheck',
          ...figures,
        })),
        justBelow: result === undefined ? null : { limit, result },
      };
    },
  };
}

/** Null: it failed without a limit, if at all. */
function highestFailed({ failed }: BisectHistory): number | null {
  const limits = [...failed.keys()].filter((limit) => limit !== null);
  return limits.length === 0 ? null : Math.max(...limits);
}

function unlimitedOf({ free }: BisectHistory): BisectReport['unlimited'] {
  const passed = free.filter((figures) => figures.passed);
  const peaks = passed.flatMap(({ peak }) => (peak === null ? [] : [peak]));
  return { runs: free.length, passed: passed.length, peak: peaks.length === 0 ? null : Math.max(...peaks) };
}

function checkQuestion({ input, lo, hi }: BisectQuestion, nameOf: Names): void {
  if (input.enforce === 'none') {
    const reason = `${nameOf('enforce')} none sets no limit: there is nothing to find`;
    throw new SetupError('conflicting-options', reason, 'leave it out');
  }
  if (lo === null || hi === null || lo <= hi) return;
  const ends = `${nameOf('lo')} (${groupDigits(lo)} bytes) is above ${nameOf('hi')} (${groupDigits(hi)} bytes)`;
  throw new SetupError('bad-range', ends, 'swap them');
}
