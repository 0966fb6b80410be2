import { normaliseSpec } from '../../request/normalise.ts';
import type { RunRequest } from '../../request/run-input.ts';
import type { RunSpec } from '../../request/run-spec.ts';
import { factsOf, type Recorded, type RecordedFacts } from '../../statistics/recorded.ts';
import { compareReplays, isInDoubt, type Replayed } from '../../statistics/replayed.ts';
import { ENOUGH_RUNS } from '../../statistics/spread.ts';
import type { Experiment } from '../driver.ts';

export type ReplayQuestion = Readonly<{
  recorded: Recorded;
  /** The input of each replay: as recorded, except for what is to be changed. */
  input: RunRequest;
  /** Null: one, and more only if nothing but its figures differs. */
  repeat: number | null;
  warmup: number;
}>;

export type ReplayRun = Readonly<{ kind: 'warm-up' | 'replay' }>;

export type ReplayHistory = Readonly<{ warmUps: number; replays: readonly Replay[] }>;
export type Replay = Readonly<{ id: string; facts: RecordedFacts }>;

export type ReplayPlan = Experiment<ReplayRun, ReplayHistory> &
  Readonly<{
    spec: RunSpec;
    empty: ReplayHistory;
    compared: (history: ReplayHistory) => Replayed;
    /** Total runs, as far as is known. */
    total: (history: ReplayHistory) => number;
  }>;

/** @throws SetupError by normaliseSpec(), where it could not be run here. */
export function planReplay({ recorded, input, repeat, warmup }: ReplayQuestion): ReplayPlan {
  const spec = normaliseSpec(input);
  const compared = ({ replays }: ReplayHistory): Replayed =>
    compareReplays(
      recorded.facts,
      replays.map(({ facts }) => facts),
    );
  const wanted = (history: ReplayHistory): number => {
    if (repeat !== null) return repeat;
    return history.replays.length > 0 && isInDoubt(compared(history))
      ? ENOUGH_RUNS
      : Math.max(1, history.replays.length);
  };
  return {
    spec,
    empty: { warmUps: 0, replays: [] },
    compared,
    total: wanted,
    strategy: (history) => {
      if (history.warmUps < warmup) return [{ kind: 'warm-up' }];
      return history.replays.length < wanted(history) ? [{ kind: 'replay' }] : null;
    },
    specOf: () => spec,
    fold: ({ warmUps, replays }, { kind }, result) =>
      kind === 'warm-up'
        ? { warmUps: warmUps + 1, replays }
        : { warmUps, replays: [...replays, { id: result.id, facts: factsOf(result) }] },
  };
}
