import { conduct } from '../experiment/conduct.ts';
import type { CommonQuestion, Plan } from '../experiment/plan.ts';
import type { ExperimentFacts } from '../experiment/report.ts';
import { newId } from '../host/new-id.ts';
import type { Result } from '../result/schema.ts';
import { keyAsName } from './input.ts';
import type { EndOptions } from './run.ts';
import { type Running, running } from './running.ts';

type Standing = Readonly<{
  /** Name of the run: `kmem 1 MiB`. */
  name: string;
  /**
   * Number of counted runs that are finished, and of all planned runs; `total` is an estimate if it depends on results.
   */
  done: number;
  total: number;
}>;

export type ExperimentEvent =
  | (Standing & Readonly<{ type: 'start' }>)
  /** A run has finished. `warmUp`: it does not count and is discarded. */
  | (Standing & Readonly<{ type: 'run'; warmUp: boolean; result: Result }>);

export type Planned<Report extends ExperimentFacts> = Readonly<{
  question: CommonQuestion;
  // biome-ignore lint/suspicious/noExplicitAny: runs and histories are the plan's own affair
  plan: Plan<any, any, Report>;
}>;

/**
 * Resolves with the report, also after an abort (`status: 'stopped'`).
 * @throws SetupError (as a rejection). If runs were planned, `.result` is the report (`status: 'failed'`).
 */
export function experiment<Report extends ExperimentFacts>(
  planned: () => Promise<Planned<Report>>,
  { signal, kill }: EndOptions,
): Running<Report, ExperimentEvent> {
  return running(async (emit) => {
    const { question, plan } = await planned();
    const names = { id: newId(), startedAt: new Date().toISOString(), nameOf: keyAsName };
    const never = new AbortController().signal;
    const { report, error } = await conduct(
      { ...names, question, plan, jobs: question.jobs },
      {
        known: plan.empty,
        keep: () => {},
        onStart: (run, history) => emit({ type: 'start', name: plan.nameOf(run), ...plan.count(history) }),
        onEnd: (run, result, history) =>
          emit({
            type: 'run',
            name: plan.nameOf(run),
            warmUp: plan.placeOf(run) === null,
            ...plan.count(history),
            result,
          }),
        signal: signal ?? never,
        kill: kill ?? never,
      },
    );
    if (error === null) return report;
    error.result = report;
    throw error;
  });
}
