/** How an exploration is run and reported. */

import { SetupError } from '../../errors.ts';
import { gatedCalls } from '../../gate/syscalls.ts';
import { normaliseSpec } from '../../request/normalise.ts';
import type { RunRequest } from '../../request/run-input.ts';
import { didYouMean } from '../../text/nearest.ts';
import { quote } from '../../text/quote.ts';
import type { Names, Plan, PlanPlace } from '../plan.ts';
import { type ExploreHistory, type ExploreQuestion, type ExploreRun, planExplore } from './explore.ts';
import { type ExploreReport, type ReplayOf, reportOf } from './report.ts';
import { openRunner } from './runner.ts';
import { MODES } from './trials.ts';

/**
 * `replayOf`: the shell command that repeats a saved run; null: runs are not saved.
 * @throws SetupError `conflicting-options`, `bad-option`, and those of normaliseSpec.
 */
export function explorePlan(
  question: ExploreQuestion,
  nameOf: Names,
  replayOf: ReplayOf | null,
): Plan<ExploreRun, ExploreHistory, ExploreReport> {
  refuseElsewhere(question.input, nameOf);
  for (const name of question.only ?? []) checkCall(name, nameOf);
  const opened = openRunner(question.prepare);
  const explore = planExplore(question, nameOf, opened.observed);
  const { cpus } = normaliseSpec(question.input, { nameOf });
  return {
    experiment: explore,
    runner: opened.runner,
    close: opened.close,
    empty: explore.empty,
    seed: null,
    cpus,
    placeOf,
    runAt: () => ({ kind: 'warm-up' }),
    nameOf: (run) =>
      run.kind === 'fail'
        ? `failure ${run.call + 1}${run.mode === 'once' ? '' : '+'}`
        : run.kind === 'record'
          ? 'recording'
          : 'warm-up',
    count: explore.count,
    timeoutMs: explore.timeoutMs,
    report: (facts, history, jobs) =>
      reportOf(question, facts, { history, jobs, count: explore.count(history), replayOf }),
  };
}

/** 0 is for the recordings; each call has two points. */
function placeOf(run: ExploreRun): PlanPlace | null {
  if (run.kind === 'warm-up') return null;
  if (run.kind === 'record') return { point: 0, repeat: run.repeat };
  return { point: 1 + MODES.length * run.call + MODES.indexOf(run.mode), repeat: run.attempt };
}

function checkCall(name: string, nameOf: Names): void {
  const names = gatedCalls.map((call) => call.name);
  if (names.includes(name)) return;
  throw new SetupError(
    'bad-option',
    `${nameOf('only')}: ${quote(name)} is not a gated call`,
    didYouMean(name, names, 'docs/reference/gate.md lists the gated calls'),
  );
}

/** Only the gate fails calls by address. */
function refuseElsewhere({ enforce }: RunRequest, nameOf: Names): void {
  if (enforce === undefined || enforce === 'auto' || enforce === 'gate') return;
  throw new SetupError(
    'conflicting-options',
    `${nameOf('enforce')} ${enforce} cannot be combined with explore, which requires the gate`,
    'leave it out',
  );
}
