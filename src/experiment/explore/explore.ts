/** Fails each gated call of a command, one per run, and records how the program reacts. */

import { SetupError } from '../../errors.ts';
import { type NameOf, normaliseSpec } from '../../request/normalise.ts';
import type { RunSpec } from '../../request/run-spec.ts';
import type { Result } from '../../result/schema.ts';
import { counted } from '../../text/figures.ts';
import { quote } from '../../text/quote.ts';
import { timeoutFor, WITH_A_FAILURE } from '../bounds.ts';
import type { Experiment } from '../driver.ts';
import type { CommonQuestion } from '../plan.ts';
import { type Baseline, baselineOf } from './baseline.ts';
import {
  type Call,
  type ListedCalls,
  type Recording,
  type Selection,
  select,
  stableCalls,
  type Wish,
} from './calls.ts';
import { classify } from './classify.ts';
import { type Observation, stepOf } from './observation.ts';
import { type Attempt, addAttempt, type CallTrial, type FailureMode, isSettled, MODES } from './trials.ts';

export type ExploreQuestion = CommonQuestion & Wish;
/** `call`: its number among the chosen calls; `attempt` 1 verifies the outcome of attempt 0. */
export type ExploreRun = Readonly<
  | { kind: 'warm-up' }
  | { kind: 'record'; repeat: number }
  | { kind: 'fail'; call: number; mode: FailureMode; attempt: number }
>;

/** What the runner observed of a run, beyond its result. */
export type ObservedRun = Readonly<{
  observation: Observation;
  /** Null: not recorded, since a call was made to fail. */
  recording: Recording | null;
}>;

type Recorded = Readonly<{ observation: Observation; recording: Recording; result: Pick<Result, 'id' | 'outcome'> }>;

/** The outcome of two recordings. */
export type Ground = Readonly<{ baseline: Baseline; listed: ListedCalls; selection: Selection }>;

export type ExploreHistory = Readonly<{
  warmUps: number;
  recorded: readonly Recorded[];
  /** Null: not recorded often enough. */
  ground: Ground | null;
  /** In the order in which they were first tried. */
  trials: ReadonlyMap<string, CallTrial>;
}>;

export type Explore = Experiment<ExploreRun, ExploreHistory> &
  Readonly<{
    empty: ExploreHistory;
    count: (history: ExploreHistory) => Readonly<{ done: number; total: number }>;
    /** Milliseconds for each run; null: no timeout. */
    timeoutMs: (history: ExploreHistory) => number | null;
  }>;

/** Two, so that differences between them are known to be natural variation. */
const RECORDINGS = 2;
/** Processes about to exit are given time to do so when a leak is verified. */
const SETTLE_MS = 500;

/** `observed`: what the runner observed of one of its runs. @throws SetupError by normaliseSpec(). */
export function planExplore(
  question: ExploreQuestion,
  nameOf: NameOf,
  observed: (result: Result) => ObservedRun,
): Explore {
  const base: RunSpec = { ...normaliseSpec(question.input, { nameOf }), enforce: 'gate' };
  const timeoutMs = ({ ground }: ExploreHistory): number | null =>
    base.timeoutMs ?? (ground === null ? null : timeoutFor(ground.baseline.wallMs, WITH_A_FAILURE));
  return {
    empty: { warmUps: 0, recorded: [], ground: null, trials: new Map() },
    strategy: (history) => {
      const { warmUps, recorded, ground } = history;
      if (warmUps < question.warmup)
        return Array.from({ length: question.warmup - warmUps }, () => ({ kind: 'warm-up' }));
      const bad = recorded.find(({ result }) => result.outcome !== 'passed');
      if (bad !== undefined) throw undisturbedFails(bad);
      if (ground === null) {
        return Array.from({ length: RECORDINGS - recorded.length }, (_, index) => ({
          kind: 'record',
          repeat: recorded.length + index,
        }));
      }
      refuseNothing(question, ground);
      const runs = runsLeft(ground, history.trials);
      return runs.length === 0 ? null : runs;
    },
    specOf: (run, history) => {
      if (run.kind !== 'fail') return base;
      const { address } = callAt(history, run.call);
      const holdMs = run.attempt === 0 ? base.holdMs : Math.max(base.holdMs, SETTLE_MS);
      return { ...base, holdMs, timeoutMs: timeoutMs(history), inject: [addressOf(address, run.mode)] };
    },
    fold: (history, run, result) => {
      if (run.kind === 'warm-up') return { ...history, warmUps: history.warmUps + 1 };
      const { observation, recording } = observed(result);
      if (run.kind === 'fail') return withAttempt(history, run, { result, observation });
      if (recording === null) return history;
      const recorded = [...history.recorded, { observation, recording, result }];
      const [first, second] = recorded;
      const ground = first === undefined || second === undefined ? null : groundOf(first, second, question);
      return { ...history, recorded, ground };
    },
    count: ({ recorded, ground, trials }) => {
      const made = [...trials.values()].reduce((sum, { attempts }) => sum + attempts.length, recorded.length);
      const left = ground === null ? RECORDINGS - recorded.length : runsLeft(ground, trials).length;
      return { done: made, total: made + left };
    },
    timeoutMs,
  };
}

export function addressOf(address: string, mode: FailureMode): string {
  return mode === 'once' ? address : `${address}+`;
}

export function trialKey(call: number, mode: FailureMode): string {
  return `${call} ${mode}`;
}

function runsLeft({ selection }: Ground, trials: ExploreHistory['trials']): ExploreRun[] {
  return MODES.flatMap((mode) =>
    selection.chosen.flatMap((_, call): ExploreRun[] => {
      const trial = trials.get(trialKey(call, mode));
      if (trial !== undefined && isSettled(trial)) return [];
      return [{ kind: 'fail', call, mode, attempt: trial?.attempts.length ?? 0 }];
    }),
  );
}

function groundOf(first: Recorded, second: Recorded, wish: Wish): Ground {
  const listed = stableCalls(first.recording, second.recording);
  return { baseline: baselineOf(first.observation, second.observation), listed, selection: select(listed.calls, wish) };
}

function withAttempt(
  history: ExploreHistory,
  { call: number, mode }: Extract<ExploreRun, { kind: 'fail' }>,
  { result, observation }: Readonly<{ result: Result; observation: Observation }>,
): ExploreHistory {
  const { ground, trials } = history;
  if (ground === null) return history;
  const call = callAt(history, number);
  const injection = result.injections?.[0];
  const outcome: Attempt['outcome'] =
    injection?.denials === 0 && injection.outcome === 'injected' ? 'harmless' : (injection?.outcome ?? 'not-reached');
  const step = stepOf(call.address, result.steps);
  const attempt: Attempt = {
    id: result.id,
    outcome,
    verdict: outcome === 'injected' ? classify(observation, ground.baseline, step) : null,
  };
  const key = trialKey(number, mode);
  return {
    ...history,
    trials: new Map([...trials, [key, addAttempt(trials.get(key) ?? { call, mode, attempts: [] }, attempt)]]),
  };
}

function callAt({ ground }: ExploreHistory, number: number): Call {
  const call = ground?.selection.chosen[number];
  if (call === undefined) throw new Error(`there is no call ${number}`);
  return call;
}

function undisturbedFails({ result, observation }: Recorded): SetupError {
  const last = observation.stderr.split('\n').findLast((line) => line.trim() !== '');
  return new SetupError(
    'undisturbed-fails',
    `the command does not pass even when nothing fails: ${result.outcome}${last === undefined ? '' : `, ${quote(last)}`}`,
    'fix it, or define a pass with --expect; kmem-run show shows a saved run',
  );
}

function refuseNothing({ only, within }: ExploreQuestion, { listed, selection }: Ground): void {
  if (selection.wanted > 0) return;
  if (listed.calls.length === 0) {
    throw new SetupError(
      'no-calls',
      `no gated call of the command is the same in ${RECORDINGS} recordings (${listed.unstable} differ)`,
      'record the calls of the command with kmem-run --trace-gate FILE; set MALLOC_ARENA_MAX=1 to make threads vary less',
    );
  }
  const names = (of: 'program' | 'syscall') => [...new Set(listed.calls.map((call) => call[of] ?? '?'))].join(', ');
  const asked = [...(only === null ? [] : [`--only ${only}`]), ...(within === null ? [] : [`--in ${within}`])].join(
    ' ',
  );
  throw new SetupError(
    'no-calls',
    `none of the command's ${counted(listed.calls.length, 'gated call')} matches ${asked}`,
    `programs: ${names('program')}; calls: ${names('syscall')}`,
  );
}
