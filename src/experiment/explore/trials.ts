/** The outcome of making one call fail in one way, in one or two runs. */

import type { Call } from './calls.ts';
import { CLASSES, type Classification } from './classify.ts';
/** `harmless`: the call was made, and is one that cannot fail (brk that asks for the break, or gives memory back). */
export type AttemptOutcome = 'injected' | 'harmless' | 'not-reached' | 'diverged';

export type Attempt = Readonly<{
  /** Of the run. */
  id: string;
  outcome: AttemptOutcome;
  /** Null: no call failed. */
  verdict: Classification | null;
}>;

export type CallTrial = Readonly<{ call: Call; mode: FailureMode; attempts: readonly Attempt[] }>;

/** `unsteady`: bad, but not when retried; `absent`: the run took another path and the call was not made. */
export type Finding = Readonly<{
  verdict: Classification;
  /** How many of the runs in which the call failed show it. */
  seen: number;
  runs: number;
}>;

const MOST_ATTEMPTS = 2;

export function addAttempt(trial: CallTrial, attempt: Attempt): CallTrial {
  return { ...trial, attempts: [...trial.attempts, attempt] };
}

/** Every bad outcome is retried, so that noise is not mistaken for a fault; so is a call that was not made. */
export function isSettled({ attempts }: CallTrial): boolean {
  return (
    attempts.length >= MOST_ATTEMPTS ||
    attempts.some(({ outcome, verdict }) => outcome === 'harmless' || verdict?.class === 'handled')
  );
}

export type Judgement =
  | (Finding & Readonly<{ kind: 'finding' | 'unsteady' | 'handled' }>)
  | Readonly<{ kind: 'absent'; outcome: Attempt['outcome'] }>;

/**
 * A crash is not noise and counts even if seen once. Everything else counts only if seen each time; of two classes, the
 * milder one.
 */
export function judge({ attempts }: CallTrial): Judgement {
  const verdicts = attempts.flatMap(({ verdict }) => verdict ?? []);
  const mildestFirst = verdicts.toSorted((a, b) => CLASSES.indexOf(b.class) - CLASSES.indexOf(a.class));
  const [mildest, worst] = [mildestFirst[0], mildestFirst.at(-1)];
  if (mildest === undefined || worst === undefined)
    return { kind: 'absent', outcome: attempts[0]?.outcome ?? 'not-reached' };
  const of = (verdict: Classification) => ({
    verdict,
    seen: verdicts.filter((one) => one.class === verdict.class).length,
    runs: verdicts.length,
  });
  if (worst.class === 'handled') return { kind: 'handled', ...of(worst) };
  if (worst.class === 'crash') return { kind: 'finding', ...of(worst) };
  return mildest.class === 'handled' ? { kind: 'unsteady', ...of(worst) } : { kind: 'finding', ...of(mildest) };
}

/** `once`: that call alone fails; `persistent`: it and all later gated calls of its process. */
export const MODES = ['once', 'persistent'] as const;

export type FailureMode = (typeof MODES)[number];
