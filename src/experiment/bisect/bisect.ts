/** The smallest kmem limit, to the page, at which a command passes. */

import { SetupError } from '../../errors.ts';
import { DEFAULT_RESERVE } from '../../gate/syscalls.ts';
import { pageSize } from '../../host/page-size.ts';
import { type NameOf, normaliseSpec } from '../../request/normalise.ts';
import type { RunRequest } from '../../request/run-input.ts';
import type { RunSpec } from '../../request/run-spec.ts';
import { parseLimit } from '../../request/size.ts';
import type { Result } from '../../result/schema.ts';
import { timeoutFor } from '../bounds.ts';
import type { Experiment } from '../driver.ts';
import { type Figures, figuresOf } from '../figures.ts';
import type { CommonQuestion } from '../plan.ts';
import type { BisectAnswer, LimitTally } from './report.ts';
import { nextStep } from './search.ts';
import type { Count, Phase, SearchQuestion, SearchResult } from './trials.ts';

/** The question, complete enough to resume later. */
export type BisectQuestion = CommonQuestion &
  Readonly<{
    /** Bytes, whole pages; null: one page. */
    lo: number | null;
    /** Null: derived from its usage without a limit. */
    hi: number | null;
    confirm: number;
  }>;

/** The limit is what is searched for: a scenario's own limit is where the search starts. */
export function withoutLimit<Subject extends Readonly<{ input: RunRequest }>>(
  { input, ...subject }: Subject,
  hi: number | null,
) {
  const { kmem, ...unlimited } = input;
  const own = kmem == null ? null : parseLimit(kmem, { name: 'kmem' });
  return { ...subject, input: unlimited, hi: hi ?? own };
}

/** `free`: without a limit. `repeat`: number of earlier runs at that limit. */
export type BisectRun = Readonly<
  { kind: 'warm-up' } | { kind: 'free'; repeat: number } | { kind: 'try'; limit: number; repeat: number }
>;

type FreeTrial = Figures & Readonly<{ repeat: number }>;
export type LimitTrial = FreeTrial & Readonly<{ limit: number }>;

export type BisectHistory = Readonly<{
  warmUps: number;
  warmUpMs: number | null;
  /** Runs without a limit. */
  free: readonly FreeTrial[];
  trials: readonly LimitTrial[];
  /** The last failed result at each limit (null: without one), without its large parts. */
  failed: ReadonlyMap<number | null, Result>;
}>;

export type Bisect = Experiment<BisectRun, BisectHistory> &
  Readonly<{
    question: BisectQuestion;
    empty: BisectHistory;
    answer: (history: BisectHistory) => BisectAnswer;
    /** Timeout in milliseconds for each run if none was requested; null: nothing observed yet. */
    timeoutMs: (history: BisectHistory) => number | null;
    /** About how many runs will follow. */
    remaining: (history: BisectHistory) => number;
    /** The purpose of each trial, in the order in which they ran. */
    phases: (history: BisectHistory) => readonly Phase[];
  }>;

/** Keeping more failures of a result would be useless. */
const KEPT_FAILURES = 100;
/** How far above the peak to search if it does not pass at the peak. */
const TIMES_PEAK = 4;

/** @throws SetupError by normaliseSpec(). */
export function planBisect(question: BisectQuestion, nameOf: NameOf): Bisect {
  const { input, confirm, warmup } = question;
  const base = normaliseSpec(input, { nameOf });
  const next = (history: BisectHistory) => {
    const asked = searchQuestion(question, base, history);
    return typeof asked === 'string' ? asked : nextStep(asked, trialsOf(history));
  };
  const isFreeKnown = ({ free }: BisectHistory): boolean =>
    question.hi !== null || free[0]?.passed === true || free.length > confirm;
  return {
    question,
    empty: { warmUps: 0, warmUpMs: null, free: [], trials: [], failed: new Map() },
    strategy: (history) => {
      const step = isFreeKnown(history) ? next(history) : null;
      if (step === 'no-peak') throw noPeak();
      if (step === 'fails-anyway' || (step !== null && step.kind !== 'try')) return null;
      if (history.warmUps < warmup) return [{ kind: 'warm-up' }];
      if (step !== null) return runsOf(step.at, history);
      // One run suffices if it passes; a failure may be bad luck.
      const more = history.free.length === 0 ? 1 : confirm + 1 - history.free.length;
      return furtherRepeats(history.free, more).map((repeat) => ({ kind: 'free', repeat }));
    },
    specOf: (run, history) => {
      const limit = run.kind === 'try' ? run.limit : run.kind === 'warm-up' ? question.hi : null;
      return withTimeout(limit === null ? unlimited(base) : limited(base, limit), history);
    },
    fold,
    answer: (history) => {
      const step = isFreeKnown(history) ? next(history) : 'no-peak';
      if (step === 'fails-anyway') return { kind: 'never', upTo: null };
      return step === 'no-peak' || step.kind === 'try' ? unfinished(history) : inBytes(step, question, history);
    },
    timeoutMs,
    remaining: (history) => {
      const warmUps = Math.max(0, warmup - history.warmUps);
      // Assumes about a megabyte while nothing is known.
      if (!isFreeKnown(history)) return warmUps + 1 + 9 + 5 * confirm;
      const step = next(history);
      return typeof step === 'object' && step.kind === 'try' ? warmUps + step.at.length + step.rest : 0;
    },
    phases: (history) => {
      const asked = searchQuestion(question, base, history);
      if (typeof asked === 'string') return [];
      const trials = trialsOf(history);
      return trials.map((_, index) => {
        const step = nextStep(asked, trials.slice(0, index));
        return step.kind === 'try' ? step.phase : 'recheck';
      });
    },
  };
}

/** In pages; or why there is no question: it fails even without a limit, or its usage then could not be read. */
function searchQuestion(
  { lo, hi, confirm, jobs: batch }: BisectQuestion,
  base: RunSpec,
  { free }: BisectHistory,
): SearchQuestion | 'fails-anyway' | 'no-peak' {
  const page = pageSize();
  const least = Math.ceil((lo ?? page) / page);
  if (hi !== null) return { lo: least, hi: Math.floor(hi / page), most: Math.floor(hi / page), confirm, batch };
  const passed = free.filter((figures) => figures.passed);
  if (passed.length === 0) return 'fails-anyway';
  const peak = Math.max(...passed.map((figures) => figures.peak ?? 0));
  if (peak === 0) return 'no-peak';
  // The gate denies from the limit minus the reserve upwards, and costs a page itself.
  const start = Math.max(least, Math.ceil((peak + (base.reserve ?? DEFAULT_RESERVE)) / page) + 1);
  return { lo: least, hi: start, most: TIMES_PEAK * start, confirm, batch };
}

function noPeak(): SetupError {
  return new SetupError(
    'no-peak',
    'the search cannot start: the kernel memory of a run without a limit could not be read',
    'use --hi SIZE with a limit at which the command passes, or run kmem-run doctor to diagnose it',
  );
}

function runsOf(pages: readonly number[], { trials }: BisectHistory): BisectRun[] {
  const counts = Map.groupBy(pages, (at) => at * pageSize());
  const numbers = new Map(
    [...counts].map(([limit, { length }]) => [
      limit,
      furtherRepeats(
        trials.filter((trial) => trial.limit === limit),
        length,
      ),
    ]),
  );
  return pages.map((at) => {
    const limit = at * pageSize();
    return { kind: 'try', limit, repeat: numbers.get(limit)?.shift() ?? 0 };
  });
}

/** The lowest unused numbers: of parallel runs, a later one may have ended before the search was stopped. */
function furtherRepeats(made: readonly Readonly<{ repeat: number }>[], count: number): number[] {
  const used = new Set(made.map(({ repeat }) => repeat));
  const numbers = Array.from({ length: made.length + count }, (_, number) => number);
  return numbers.filter((number) => !used.has(number)).slice(0, count);
}

function fold(history: BisectHistory, run: BisectRun, result: Result): BisectHistory {
  const figures = figuresOf(result);
  if (run.kind !== 'warm-up') {
    const limit = run.kind === 'try' ? run.limit : null;
    const trial = { ...figures, repeat: run.repeat };
    const failed = figures.passed ? history.failed : new Map([...history.failed, [limit, trimmed(result)]]);
    if (limit === null) return { ...history, failed, free: [...history.free, trial] };
    return { ...history, failed, trials: [...history.trials, { ...trial, limit }] };
  }
  const warmUpMs = Math.max(history.warmUpMs ?? 0, figures.wallMs ?? 0);
  return { ...history, warmUps: history.warmUps + 1, warmUpMs };
}

function trimmed(result: Result): Result {
  return { ...result, samples: [], failures: result.failures.slice(0, KEPT_FAILURES) };
}

function limited(base: RunSpec, kmem: number): RunSpec {
  return { ...base, limits: { ...base.limits, kmem } };
}

/** Enforcement by the kernel needs a limit to enforce. */
function unlimited(base: RunSpec): RunSpec {
  const isKernels = base.enforce === 'native' || base.enforce === 'kernel';
  return { ...base, enforce: isKernels ? 'none' : base.enforce };
}

function withTimeout(spec: RunSpec, history: BisectHistory): RunSpec {
  return spec.timeoutMs === null ? { ...spec, timeoutMs: timeoutMs(history) } : spec;
}

function timeoutMs({ free, warmUpMs }: BisectHistory): number | null {
  const seen = [...free.filter(({ passed }) => passed).map(({ wallMs }) => wallMs), warmUpMs].filter(
    (ms) => ms !== null,
  );
  return seen.length === 0 ? null : timeoutFor(Math.max(...seen));
}

function trialsOf({ trials }: BisectHistory) {
  return trials.map(({ limit, passed }) => ({ at: limit / pageSize(), passed }));
}

function inBytes(answer: SearchResult, { lo, hi }: BisectQuestion, { trials }: BisectHistory): BisectAnswer {
  const page = pageSize();
  const count = ({ at, passed, runs }: Count): LimitTally => ({ limit: at * page, passed, runs });
  switch (answer.kind) {
    case 'found': {
      const { passes, fails, between, surprises } = answer;
      const [passesAt, failsAt] = [passes * page, fails * page];
      return { kind: 'found', passesAt, failsAt, between: between.map(count), surprises: surprises.map(count) };
    }
    case 'always':
      return { kind: 'always', passesAt: lo ?? page, surprises: answer.surprises.map(count) };
    case 'never':
      return { kind: 'never', upTo: hi ?? Math.max(...trials.map(({ limit }) => limit)) };
    case 'not-monotonic': {
      const from = answer.from === null ? null : answer.from * page;
      return { kind: 'not-monotonic', passes: count(answer.passes), fails: count(answer.fails), from };
    }
    case 'noisy': {
      const bytes = (pages: number | null): number | null => (pages === null ? null : pages * page);
      const [passesAt, failsAt] = [bytes(answer.passes), bytes(answer.fails)];
      return { kind: 'noisy', passesAt, failsAt, between: answer.between.map(count) };
    }
  }
}

function unfinished({ trials }: BisectHistory): BisectAnswer {
  const limits = (passed: boolean): number[] =>
    trials.filter((trial) => trial.passed === passed).map(({ limit }) => limit);
  const passesAt = Math.min(...limits(true));
  const failsAt = Math.max(...limits(false).filter((limit) => limit < passesAt));
  const known = (limit: number): number | null => (Number.isFinite(limit) ? limit : null);
  return { kind: 'unfinished', passesAt: known(passesAt), failsAt: known(failsAt) };
}
