/** What an exploration came to, as its report has it. */

import type { ExperimentFacts } from '../../report/experiment.ts';
import type { ExploreCounts, ExploreFinding, ExploreReport, ExploreTrial } from '../../report/explore.ts';
import type { Job } from '../driver.ts';
import { CLASSES } from './classify.ts';
import { addressOf, type ExploreHistory, type ExploreQuestion } from './explore.ts';
import { type ReplayOf, replayLine } from './replay.ts';
import { type Attempt, judge, type Trial } from './trials.ts';

type Standing = Readonly<{
  history: ExploreHistory;
  jobs: readonly Job[];
  count: Readonly<{ done: number; total: number }>;
  replayOf: ReplayOf | null;
}>;

export function reportOf(
  question: ExploreQuestion,
  facts: ExperimentFacts,
  { history, jobs, count, replayOf }: Standing,
): ExploreReport {
  const { ground, trials } = history;
  const lineOf = (trial: Trial, isHang: boolean) =>
    seenAgainBy(trial, { question, replayOf }, isHang ? facts.timeoutMs : null);
  const counts: Record<keyof ExploreCounts, number> = {
    ...{ crash: 0, hang: 0, silent: 0, leak: 0, handled: 0 },
    ...{ mute: 0, unsteady: 0, notFailed: 0 },
  };
  const findings: ExploreFinding[] = [];
  const unsteady: ExploreFinding[] = [];
  for (const trial of trials.values()) {
    const judgement = judge(trial);
    if (judgement.kind === 'absent') counts.notFailed += 1;
    else if (judgement.kind === 'unsteady') unsteady.push(findingOf(trial, judgement, lineOf));
    else counts[judgement.verdict.class] += 1;
    if (judgement.kind === 'finding') findings.push(findingOf(trial, judgement, lineOf));
    if (judgement.kind === 'handled' && judgement.verdict.mute) counts.mute += 1;
  }
  counts.unsteady = unsteady.length;
  const judged = counts.handled + findings.length;
  return {
    ...facts,
    kind: 'explore',
    warnings: [...facts.warnings, ...varyingWarnings(ground)],
    jobs: jobs.map(({ cpus }) => cpus),
    calls: ground === null ? null : callsOf(ground),
    runs: { planned: count.total, made: count.done },
    counts,
    score: judged === 0 ? null : counts.handled / judged,
    findings: findings.toSorted((a, b) => CLASSES.indexOf(a.class) - CLASSES.indexOf(b.class)),
    unsteady,
    tried: [...trials.values()].map((trial) => trialOf(trial, lineOf)),
  };
}

function callsOf({ listed, selection }: NonNullable<ExploreHistory['ground']>): ExploreReport['calls'] {
  const { wanted, duplicates, beyondLimit, chosen } = selection;
  const { calls, unstable } = listed;
  return { listed: calls.length, unstable, wanted, duplicates, beyondLimit, chosen: chosen.length };
}

type LineOf = (trial: Trial, isHang: boolean) => string;

/** A scenario has steps that no command line can say: then a run of it is made again, if one is kept. */
function seenAgainBy(
  { call, mode, attempts }: Trial,
  { question, replayOf }: Readonly<{ question: ExploreQuestion; replayOf: ReplayOf | null }>,
  timeoutMs: number | null,
): string {
  const { input, prepare } = question;
  if (!('plan' in input)) return replayLine(addressOf(call.address, mode), { input, prepare }, timeoutMs);
  const isBad = ({ verdict }: Attempt): boolean => verdict !== null && verdict.class !== 'handled';
  const made = attempts.find(isBad) ?? attempts[0];
  return replayOf === null || made === undefined ? '' : replayOf(made.id);
}

function findingOf(
  trial: Trial,
  { verdict, seen, runs }: Extract<ReturnType<typeof judge>, { verdict: unknown }>,
  lineOf: LineOf,
): ExploreFinding {
  const { call, mode, attempts } = trial;
  const { class: name, how, message } = verdict;
  const address = addressOf(call.address, mode);
  return {
    class: name,
    address,
    mode,
    program: call.program,
    comm: call.comm,
    syscall: call.syscall,
    detail: call.detail,
    how,
    message,
    seen,
    runs,
    ids: attempts.filter((attempt) => attempt.verdict !== null).map(({ id }) => id),
    replay: lineOf(trial, name === 'hang'),
  };
}

function trialOf(trial: Trial, lineOf: LineOf): ExploreTrial {
  const { call, mode } = trial;
  const judgement = judge(trial);
  const address = addressOf(call.address, mode);
  const told = { address, program: call.program, syscall: call.syscall, detail: call.detail };
  const replay = lineOf(trial, false);
  if (judgement.kind === 'absent') return { class: 'not failed', ...told, how: null, replay };
  const { class: name, how } = judgement.verdict;
  return { class: judgement.kind === 'unsteady' ? 'unsteady' : name, ...told, how, replay };
}

function varyingWarnings(ground: ExploreHistory['ground']): string[] {
  if (ground === null) return [];
  return (['stdout', 'stderr'] as const)
    .filter((stream) => ground.baseline[stream] === null)
    .map((stream) => `${stream} differs too much from run to run of itself: it is not compared`);
}
