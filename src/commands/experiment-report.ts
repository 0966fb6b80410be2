/** What is said of an experiment: while it goes on, and at its end. */

import { availableParallelism, loadavg } from 'node:os';
import { asSetupError, type SetupError } from '../errors.ts';
import type { Job } from '../experiment/driver.ts';
import { type ExperimentFacts, experimentJson } from '../report/experiment.ts';
import { writeReport } from '../report/file.ts';
import { createProgress } from '../report/progress.ts';
import { setupErrorText } from '../report/text.ts';
import { counted } from '../report/words.ts';
import type { Result } from '../result/schema.ts';
import { version } from '../result/version.ts';
import type { Plan, Scene } from './experiment-plan.ts';

/** What a line of progress is made of. `placeOf` is null of a warm-up. */
type Watched<Run, History> = Pick<Plan<Run, History, ExperimentFacts>, 'nameOf' | 'count' | 'placeOf'>;

/** `redraws`: a line may be redrawn in place, where stderr is a terminal; else there is a new one now and then. */
export function watchProgress<Run, History>(
  { nameOf, count, placeOf }: Watched<Run, History>,
  known: History,
  { quiet, redraws }: Readonly<{ quiet: boolean; redraws: boolean }>,
) {
  const { stderr } = process;
  const isTerminal = redraws && stderr.isTTY === true;
  const progress = quiet ? null : createProgress({ stream: stderr, isTerminal, now: () => performance.now() });
  const running = new Map<Run, string>();
  let made = 0;
  let last: string | null = null;
  const update = (history: History): void =>
    progress?.update({ now: [...running.values()], made, ...count(history), last });
  update(known);
  return {
    onStart: (run: Run, history: History): void => {
      running.set(run, nameOf(run));
      update(history);
    },
    onEnd: (run: Run, { outcome }: Result, history: History): void => {
      running.delete(run);
      if (placeOf(run) !== null) made += 1;
      last = `${outcome} at ${nameOf(run)}`;
      update(history);
    },
    close: (): void => progress?.close(),
  };
}

export function warningsBefore(jobs: readonly Job[], sharing: boolean): string[] {
  const used = new Set(jobs.flatMap(({ cpus }) => cpus ?? [])).size;
  const all = availableParallelism();
  const [load = 0] = loadavg();
  const warnings = [];
  if (sharing) {
    warnings.push(
      `${counted(jobs.length, 'job')} share ${used === 0 ? 'CPUs' : counted(used, 'CPU')}: runs that share one slow each other down, and their figures spread; give at most --jobs ${Math.max(1, used)}`,
    );
  }
  if (load > all) {
    const busy = `load ${load.toFixed(1)} on ${counted(all, 'CPU')}`;
    warnings.push(`the machine was busy already (${busy}): figures spread more, and times say little`);
  }
  return warnings;
}

type Ending = Pick<ExperimentFacts, 'status' | 'warnings' | 'timeoutMs'> & Readonly<{ error: SetupError | null }>;

export function factsOf<Run, History, Report extends ExperimentFacts>(
  { id, startedAt, question }: Scene<Run, History, Report>,
  { error, ...ending }: Ending,
): ExperimentFacts {
  const { input, warmup, prepare } = question;
  return {
    schemaVersion: 1,
    id,
    startedAt,
    error: error === null ? null : { code: error.code, message: error.message, hint: error.hint },
    command: input.command,
    then: input.then ?? [],
    expect: input.expect ?? [],
    warmup,
    prepare,
    kmemRun: version,
    ...ending,
  };
}

/** Null when all of it is told and kept, else what went wrong first. */
export async function tell<Run, History, Report extends ExperimentFacts>(
  report: Report,
  { id, plan, store, request }: Scene<Run, History, Report>,
  isBegun: boolean,
): Promise<SetupError | null> {
  const { json, quiet, color } = request.report;
  const failures: SetupError[] = [];
  const attempt = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failures.push(asSetupError(error));
    }
  };
  const status = report.status === 'done' ? 'done' : 'stopped';
  if (isBegun) await attempt(() => store.updateExperiment(id, { status, summary: plan.summary(report) }));
  if (json !== null) await attempt(() => writeReport(json, experimentJson(report)));
  const stream = json === '-' ? process.stderr : process.stdout;
  // A reader that went away is no failure: the answer is in the store.
  stream.on('error', () => {});
  const style = { color: color ?? (stream.isTTY === true && !process.env.NO_COLOR), width: stream.columns || null };
  // Of an experiment that could not begin there is nothing to tell but why.
  if (!quiet && (isBegun || report.error === null)) stream.write(plan.text(report, style));
  else if (report.error !== null) process.stderr.write(setupErrorText(report.error));
  return failures[0] ?? null;
}
