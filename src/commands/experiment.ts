import { conduct } from '../experiment/conduct.ts';
import { type CommonQuestion, type ExperimentContext, type Labelled, shownRequest } from '../experiment/plan.ts';
import type { ExperimentFacts } from '../experiment/report.ts';
import { beginning, foldKept, type Kept, keepRun, oneMode, SPEC_VERSION, takeUp } from '../experiment/resume.ts';
import { signalNumber } from '../host/exit-status.ts';
import { newId } from '../host/new-id.ts';
import { setupErrorText } from '../report/terminal/run.ts';
import { optionName } from '../request/run-input.ts';
import { statuses } from '../result/outcome.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import { openStore } from '../store/store.ts';
import { reportExperiment, watchProgress } from './experiment-report.ts';
import type { ExperimentRequest, Kind } from './experiment-request.ts';

/** Returns the exit status. @throws SetupError if nothing could be started. */
export async function conductExperiment<Question extends CommonQuestion, Report extends ExperimentFacts>(
  kind: Kind<Question, Report>,
  request: ExperimentRequest<Question>,
): Promise<number> {
  const planOf = (question: Question) => kind.planOf(question, optionName);
  // Planned before anything is opened or created: this catches most mistakes.
  const asked = request.question === null ? null : { question: request.question, plan: planOf(request.question) };
  const store = openStore(request.report.store);
  try {
    if (asked === null) {
      const taken = takeUp<Labelled<Question>>(store, kind.name, request.resume ?? '');
      return await perform({ ...taken, plan: planOf(taken.question), store }, kind, request);
    }
    const { question, plan } = asked;
    const [id, startedAt] = [newId(), new Date().toISOString()];
    const { command } = shownRequest(question);
    const spec: Kept<Question> = { version: SPEC_VERSION, question };
    const kept = { id, startedAt, kind: kind.name, command, spec, seed: plan.seed };
    const begin = beginning(store, kept);
    return await perform({ id, startedAt, question, plan, store, begin }, kind, request);
  } finally {
    store.close();
  }
}

async function perform<Question extends CommonQuestion, Run, History, Report extends ExperimentFacts>(
  context: ExperimentContext<Run, History, Report>,
  kind: Kind<Question, Report>,
  request: ExperimentRequest<Question>,
): Promise<number> {
  const { plan, store } = context;
  const mode = oneMode();
  const known = foldKept(plan, store, context.id, mode.note);
  const watch = watchProgress(plan, known, { quiet: request.report.quiet, redraws: true });
  const interrupts = watchInterrupts();
  const { report, runs } = await conduct(
    { ...context, jobs: request.jobs ?? context.question.jobs, nameOf: optionName },
    {
      known,
      keep: (run, result) => {
        mode.check(result);
        keepRun(context, run, result);
      },
      onStart: watch.onStart,
      onEnd: watch.onEnd,
      signal: interrupts.signal,
      kill: interrupts.kill,
    },
  ).finally(watch.close);
  const givenUp = interrupts.beginReport();
  const failure = await reportExperiment({ report, isBegun: runs > 0 }, kind, {
    ...{ store, request: request.report, givenUp },
  });
  if (failure !== null) process.stderr.write(setupErrorText(failure));
  if (report.status === 'failed' || failure !== null) return statuses.setupError;
  if (report.status === 'done') return kind.status(report);
  return statuses.signalBase + (signalNumber(interrupts.signalName() ?? 'SIGTERM') ?? 0);
}
