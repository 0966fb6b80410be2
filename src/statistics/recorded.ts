/** What is known of a run that is to be repeated: how to start it, and its result. */

import { inputOf, type RunRequest } from '../request/run-input.ts';
import type { Result } from '../result/schema.ts';
import { callOf, errorOf, firstFailure } from '../result/summary.ts';
import { sampleOf } from './sample.ts';

export type Recorded = Readonly<{
  id: string;
  /** ISO 8601, UTC. */
  startedAt: string;
  /** The run's request. */
  input: RunRequest;
  /** `--prepare` of the experiment that it belonged to; null: none. */
  prepare: string | null;
  facts: RecordedFacts;
}>;

/** What a replay is compared with. */
export type RecordedFacts = Readonly<{
  outcome: string;
  /** How each step ended: `exit 0`, `SIGSEGV`. */
  ends: readonly string[];
  expectations: readonly Readonly<{ expr: string; passed: boolean }>[];
  /** The first call that failed: `apache2: mmap (ENOMEM)`; null: none, or failures have no names in its mode. */
  firstCall: string | null;
  /** Null if it could not be read. */
  failcnt: number | null;
  /** Highest kernel memory, bytes; null: could not be read. */
  peak: number | null;
  /** Possible error of the peak in bytes; null: not known. */
  uncertainty: number | null;
  injections: readonly InjectionFact[];
  /** Possible causes of a difference that are not differences themselves: `kernel` → `6.18.44`. */
  circumstances: Readonly<Record<string, string>>;
}>;

/** Outcome of a failure that was requested by its address. */
export type InjectionFact = Readonly<{
  address: string;
  /** `injected`, `not-reached` or `diverged`. */
  outcome: string;
  /** The call found at the address instead; null: none, or it was the right one. */
  seen: string | null;
}>;

/** They follow from the request, which is the same. */
const ASKED = ['command', 'steps', 'wait', 'user', 'reserve'];

export function recordedOf(result: Result, prepare: string | null): Recorded {
  const { id, startedAt, spec } = result;
  return { id, startedAt, input: inputOf(spec), prepare, facts: factsOf(result) };
}

export function factsOf(result: Result): RecordedFacts {
  const { outcome, steps, expectations, kmem } = result;
  const first = firstFailure(result);
  const { circumstances } = sampleOf({ result, experimentId: null, point: null, repeat: null, label: null });
  return {
    outcome,
    ends: steps.map(({ exit }) => exit.signal ?? (exit.code === null ? 'no end seen' : `exit ${exit.code}`)),
    expectations: expectations.map(({ expr, passed }) => ({ expr, passed })),
    firstCall: first === null ? null : `${first.comm ?? '(name not read)'}: ${callOf(first)} (${errorOf(first)})`,
    failcnt: kmem.failcnt,
    peak: kmem.maxUsage,
    uncertainty: kmem.uncertainty,
    injections: injectionsOf(result),
    circumstances: Object.fromEntries(Object.entries(circumstances).filter(([what]) => !ASKED.includes(what))),
  };
}

/** Null if a run reports nothing on its requested injections: each is then judged by the replays alone. */
function injectionsOf(result: Result): InjectionFact[] {
  const { injections } = result as { injections?: readonly InjectionFact[] | null };
  return (injections ?? []).map(({ address, outcome, seen }) => ({ address, outcome, seen: seen ?? null }));
}
