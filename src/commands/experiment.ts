/** What a command that makes many runs does, whichever it is: open the store, make the runs, keep each, tell. */

import { closeSync, openSync } from 'node:fs';
import { newId } from '../cgroup/name.ts';
import { type Conclusion, perform, type Runner } from '../experiment/driver.ts';
import { allowedCpus, assignCpus } from '../experiment/jobs.ts';
import { runPreparation } from '../experiment/prepare.ts';
import type { ExperimentFacts } from '../report/experiment.ts';
import { setupErrorText } from '../report/text.ts';
import { statuses } from '../result/outcome.ts';
import { runSpec } from '../run.ts';
import { signalNumber } from '../spec/exit-status.ts';
import { openStore } from '../store/store.ts';
import type { CommonQuestion, Plan, Request, Scene } from './experiment-plan.ts';
import { factsOf, tell, warningsBefore, watchProgress } from './experiment-report.ts';
import { beginning, foldKept, type Kept, keepRun, SPEC_VERSION, takeUp } from './experiment-store.ts';
import { watchInterrupts } from './interrupts.ts';

/** Gives the exit status. Throws SetupError where nothing could be begun. */
export async function conductExperiment<Question extends CommonQuestion, Run, History, Report extends ExperimentFacts>(
  request: Request<Question>,
  planOf: (question: Question) => Plan<Run, History, Report>,
): Promise<number> {
  const { kind, report } = request;
  // Planned before anything is opened or made: most mistakes end here.
  const asked = request.question === null ? null : { question: request.question, plan: planOf(request.question) };
  const store = openStore(report.store);
  try {
    if (asked === null) {
      const taken = takeUp<Question>(store, kind, request.resume ?? '');
      return await conduct({ ...taken, plan: planOf(taken.question), store, request });
    }
    const { question, plan } = asked;
    const [id, startedAt] = [newId(), new Date().toISOString()];
    const { command } = question.input;
    const spec: Kept<Question> = { version: SPEC_VERSION, question };
    const kept = { id, startedAt, kind, command, spec, seed: plan.seed };
    return await conduct({ id, startedAt, question, plan, store, begin: beginning(store, kept), request });
  } finally {
    store.close();
  }
}

async function conduct<Run, History, Report extends ExperimentFacts>(
  scene: Scene<Run, History, Report>,
): Promise<number> {
  const { id, question, plan, store, request } = scene;
  const { jobs, sharing } = assignCpus(request.jobs, plan.cpus, allowedCpus());
  const warnings = warningsBefore(jobs, sharing);
  const known = foldKept(plan, store, id);
  const watch = watchProgress(plan, known, { quiet: request.report.quiet, redraws: true });
  const interrupts = watchInterrupts();
  let conclusion: Conclusion<History>;
  takeStdinAway();
  try {
    conclusion = await perform(plan.experiment, known, {
      jobs,
      runner: plan.runner ?? runner,
      // A runner of its own knows what else a run finds, and prepares by itself.
      prepare: plan.runner === null ? preparation(question) : null,
      keep: (run, result) => keepRun(scene, run, result),
      onStart: watch.onStart,
      onEnd: watch.onEnd,
      signal: interrupts.signal,
      hurry: interrupts.hurry,
    });
  } finally {
    watch.close();
    interrupts.close();
    plan.close();
  }
  const { history, ended, error } = conclusion;
  const facts = factsOf(scene, { status: ended, error, warnings, timeoutMs: plan.timeoutMs(history) });
  const report = plan.report(facts, history, jobs);
  const failure = await tell(report, scene, plan.count(history).done > 0);
  if (failure !== null) process.stderr.write(setupErrorText(failure));
  if (ended === 'failed' || failure !== null) return statuses.setupError;
  if (ended === 'done') return plan.status(report);
  return statuses.signalBase + (signalNumber(interrupts.signalName() ?? 'SIGTERM') ?? 0);
}

/** A microVM has CPUs of its own, and what was asked about these stays. */
const runner: Runner = (spec, { signal, hurry, cpus }) =>
  runSpec(spec.kernel === null ? { ...spec, cpus } : spec, { signal, hurry });

function preparation({ prepare, input }: CommonQuestion) {
  if (prepare === null) return null;
  return (_: unknown, signal: AbortSignal) => runPreparation(prepare, input.cwd ?? process.cwd(), { signal, env: {} });
}

/** Every run must find the same: the first would read what is there, and the others its end. */
function takeStdinAway(): void {
  closeSync(0);
  // Becomes the lowest number that is free.
  openSync('/dev/null', 'r');
}
