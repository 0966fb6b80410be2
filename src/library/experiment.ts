import { conduct } from '../experiment/conduct.ts';
import type { CommonQuestion, Plan } from '../experiment/plan.ts';
import type { ExperimentFacts } from '../experiment/report.ts';
import { newId } from '../host/new-id.ts';
import type { Result } from '../result/schema.ts';
import { keyAsName } from './input.ts';
import type { EndOptions } from './run.ts';
import { type Running, running } from './running.ts';

type Standing = Readonly<{
  /** What it is a run of: `kmem 1 MiB`. */
  name: string;
  /** Runs that count and are over, and all that are planned: about so many where that depends on what is found. */
  done: number;
  total: number;
}>;

export type ExperimentEvent =
  | (Standing & Readonly<{ type: 'start' }>)
  /** The result of a run; `warmUp`: it is thrown away. */
  | (Standing & Readonly<{ type: 'run'; warmUp: boolean; result: Result }>);

export type Planned<Report extends ExperimentFacts> = Readonly<{
  question: CommonQuestion;
  // biome-ignore lint/suspicious/noExplicitAny: runs and histories are the plan's own affair
  plan: Plan<any, any, Report>;
}>;

/**
 * Resolves with the report, also of what a signal stopped (`status: 'stopped'`).
 * Rejects only with a SetupError; where runs were to be made it carries the report (`status: 'failed'`) as `.result`.
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
