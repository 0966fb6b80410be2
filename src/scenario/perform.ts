/** Runs the scenarios found, and reports: shared by the command and the library. */

import { basename } from 'node:path';
import { asSetupError, type SetupError } from '../errors.ts';
import { allowedCpus, assignCpus } from '../experiment/jobs.ts';
import { HOST } from '../request/run-spec.ts';
import type { Result } from '../result/schema.ts';
import { version } from '../version.ts';
import { openGuests } from '../vm/guests.ts';
import { type BaselineChoice, openBaselines } from './baseline/file.ts';
import type { FoundScenarios } from './find.ts';
import type { Mistake } from './issues.ts';
import type { ScenarioOutcome, ScenariosReport } from './report.ts';
import { blankOutcome, runSuite } from './suite.ts';
import type { Manner, Scenario } from './types.ts';

export type Choices = Readonly<{
  /** Null: each on its default. */
  kernel: string | null;
  jobs: number;
  /** Further attempts after one that did not pass. */
  retry: number;
  /** Null: as often as each asks for. */
  repeat: number | null;
  strict: boolean;
  failFast: boolean;
  keepDir: boolean;
  manner: Manner;
  baseline: BaselineChoice;
  shard: ScenariosReport['shard'];
}>;

export type SuiteWatch = Readonly<{
  signal: AbortSignal;
  kill: AbortSignal;
  onStart: (scenario: Scenario) => void;
  onResult: (scenario: Scenario, result: Result) => void;
  onEnd: (outcome: ScenarioOutcome) => void;
}>;

/** `error`: why the baselines could not be written; null if they were written or did not have to be. */
export type Performed = Readonly<{ report: ScenariosReport; error: SetupError | null }>;

export async function performScenarios(
  { scenarios, mistakes }: Pick<FoundScenarios, 'scenarios' | 'mistakes'>,
  choices: Choices,
  watch: SuiteWatch,
): Promise<Performed> {
  const startedAt = new Date();
  // Running the others loses nothing; an unreadable file still fails the whole.
  const unread = [...Map.groupBy(mistakes, ({ file }) => file)].map(([file, own]) => unreadable(file, own));
  for (const outcome of unread) watch.onEnd(outcome);
  const baselines = openBaselines(choices.baseline);
  const guests = openGuests(choices.jobs);
  const outcomes = await runSuite(scenarios, {
    ...choices,
    ...watch,
    baselines,
    guests,
    // One job uses the whole machine, like a run; several must not share a CPU.
    jobs: choices.jobs === 1 ? [null] : assignCpus(choices.jobs, null, allowedCpus()).jobs.map(({ cpus }) => cpus),
  }).finally(guests.close);
  const report: ScenariosReport = {
    kind: 'scenarios',
    schemaVersion: 1,
    kmemRun: version,
    startedAt: startedAt.toISOString(),
    durationMs: Date.now() - startedAt.getTime(),
    status: watch.signal.aborted ? 'stopped' : 'done',
    shard: choices.shard,
    scenarios: [...unread, ...outcomes],
  };
  try {
    await baselines.save();
    return { report, error: null };
  } catch (error) {
    return { report, error: asSetupError(error) };
  }
}

/** A file that is not a scenario, as an outcome. */
function unreadable(file: string, mistakes: readonly Mistake[]): ScenarioOutcome {
  const name = basename(file).replace(/\.ya?ml$/, '');
  return blankOutcome({ name, file, tags: [], description: '' }, HOST, {
    status: 'error',
    reasons: mistakes.flatMap(({ line, column, message, hint }) => [
      `${file}:${line}:${column}: ${message}`,
      ...(hint === null ? [] : [`hint: ${hint}`]),
    ]),
  });
}
