/**
 * Performs the runs of a planned experiment and reports the outcome. Prints nothing and saves only what `keep` saves.
 */

import { availableParallelism, loadavg } from 'node:os';
import type { SetupError } from '../errors.ts';
import { ownFolder } from '../host/own-process.ts';
import type { RunSpec } from '../request/run-spec.ts';
import { runSpec } from '../run/index.ts';
import { counted } from '../text/figures.ts';
import { version } from '../version.ts';
import { openGuests } from '../vm/guests.ts';
import { type DriverOptions, type Job, perform, type Runner } from './driver.ts';
import { allowedCpus, assignCpus } from './jobs.ts';
import { type CommonQuestion, type Names, type Plan, shownRequest } from './plan.ts';
import { preparationFolder, runPreparation } from './prepare.ts';
import type { ExperimentFacts } from './report.ts';

export type Undertaking<Run, History, Report extends ExperimentFacts> = Readonly<{
  id: string;
  startedAt: string;
  question: CommonQuestion;
  plan: Plan<Run, History, Report>;
  jobs: number;
  nameOf: Names;
}>;

/** What is already known (`known`), and the callbacks. */
export type Orders<Run, History> = Pick<DriverOptions<Run, History>, 'keep' | 'onStart' | 'onEnd' | 'signal' | 'kill'> &
  Readonly<{ known: History }>;

export type ConductedExperiment<Report> = Readonly<{ report: Report; error: SetupError | null; runs: number }>;

/** `error`: why `report.status` is `failed`; `runs`: number of runs that count. Rejects only on a bug. */
export async function conduct<Run, History, Report extends ExperimentFacts>(
  { id, startedAt, question, plan, jobs: count, nameOf }: Undertaking<Run, History, Report>,
  { known, ...orders }: Orders<Run, History>,
): Promise<ConductedExperiment<Report>> {
  const guests = openGuests(count);
  const make = plan.runner ?? runner;
  try {
    const { jobs, sharing } = assignCpus(count, plan.cpus, allowedCpus());
    const warnings = warningsBefore(jobs, sharing, nameOf);
    const { history, ended, error } = await perform(plan.experiment, known, {
      jobs,
      runner: (spec, order) => make(spec, { ...order, guests }),
      // A plan's own runner knows what else a run finds there, and prepares it itself.
      prepare: plan.runner === null ? preparationOf(question) : null,
      ...orders,
    });
    const { warmup, prepare } = question;
    const facts: ExperimentFacts = {
      schemaVersion: 1,
      id,
      startedAt,
      status: ended,
      error: error === null ? null : { code: error.code, message: error.message, hint: error.hint },
      ...shownRequest(question),
      warmup,
      prepare,
      timeoutMs: plan.timeoutMs(history),
      warnings,
      kmemRun: version,
    };
    return { report: plan.report(facts, history, jobs), error, runs: plan.count(history).done };
  } finally {
    await guests.close();
    plan.close();
  }
}

/**
 * A microVM has its own CPUs, and what was requested for them is left unchanged. Every run must get the same stdin:
 * none.
 */
const runner: Runner = (spec, { signal, kill, cpus, guests }) =>
  runSpec(spec.kernel === null ? { ...spec, cpus } : spec, { signal, kill, guests, stdin: 'null' });

function preparationOf({ prepare }: CommonQuestion) {
  if (prepare === null) return null;
  return (spec: RunSpec, signal: AbortSignal) =>
    runPreparation(prepare, preparationFolder(spec, ownFolder()), { signal, env: {} });
}

function warningsBefore(jobs: readonly Job[], sharing: boolean, nameOf: Names): string[] {
  const used = new Set(jobs.flatMap(({ cpus }) => cpus ?? [])).size;
  const all = availableParallelism();
  const [load = 0] = loadavg();
  const warnings = [];
  if (sharing) {
    warnings.push(
      `${counted(jobs.length, 'job')} share ${used === 0 ? 'CPUs' : counted(used, 'CPU')}: runs on the same CPU slow each other down and vary more; use at most ${nameOf('jobs')} ${Math.max(1, used)}`,
    );
  }
  if (load > all) {
    const busy = `load ${load.toFixed(1)} on ${counted(all, 'CPU')}`;
    warnings.push(`the machine was already busy (${busy}): figures vary more, and times are unreliable`);
  }
  return warnings;
}
