/** What is reported about an experiment, during it and at its end. */

import { asSetupError, type SetupError } from '../errors.ts';
import type { CommonQuestion, Plan } from '../experiment/plan.ts';
import { createProgress } from '../experiment/progress.ts';
import type { ExperimentFacts } from '../experiment/report.ts';
import { print } from '../host/print.ts';
import { writeReport } from '../host/write-file.ts';
import { experimentJson } from '../report/terminal/experiment.ts';
import { setupErrorText } from '../report/terminal/run.ts';
import type { Result } from '../result/schema.ts';
import type { Store } from '../store/types.ts';
import type { Kind } from './experiment-request.ts';
import type { ReportRequest } from './option-kinds.ts';

/** The inputs of a progress line. `placeOf` is null for a warm-up. */
type Watched<Run, History> = Pick<Plan<Run, History, ExperimentFacts>, 'nameOf' | 'count' | 'placeOf'>;

/** `redraws`: a line may be redrawn in place if stderr is a terminal; otherwise a new one is printed now and then. */
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

type Conducted<Report> = Readonly<{
  report: Report;
  /** False: no run was made, and the store contains no trace of it. */
  isBegun: boolean;
}>;

/** Null if everything was reported and saved; otherwise the first error. */
export async function reportExperiment<Question extends CommonQuestion, Report extends ExperimentFacts>(
  { report, isBegun }: Conducted<Report>,
  { text, summary }: Kind<Question, Report>,
  { store, request, givenUp }: Readonly<{ store: Store; request: Readonly<ReportRequest>; givenUp: AbortSignal }>,
): Promise<SetupError | null> {
  const { json, quiet, plot, color } = request;
  const failures: SetupError[] = [];
  const attempt = async (work: () => void | Promise<void>): Promise<void> => {
    try {
      await work();
    } catch (error) {
      failures.push(asSetupError(error));
    }
  };
  const status = report.status === 'done' ? 'done' : 'stopped';
  if (isBegun) await attempt(() => store.updateExperiment(report.id, { status, summary: summary(report) }));
  if (json !== null) await attempt(() => writeReport(json, experimentJson(report), givenUp));
  const stream = json === '-' ? process.stderr : process.stdout;
  const write =
    json === '-' ? (shown: string) => void process.stderr.write(shown) : (shown: string) => void print(shown);
  const colored = color ?? (stream.isTTY === true && !process.env.NO_COLOR);
  const style = { color: colored, width: stream.columns || null, plot };
  // If an experiment could not begin, only the reason is reported.
  if (!quiet && (isBegun || report.error === null)) write(text(report, style));
  else if (report.error !== null) process.stderr.write(setupErrorText(report.error));
  return failures[0] ?? null;
}
