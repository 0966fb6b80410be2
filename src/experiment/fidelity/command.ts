import { pageSize } from '../../host/page-size.ts';
import { normaliseSpec, type RunInput } from '../../request/normalise.ts';
import { headline } from '../../result/headline.ts';
import type { Result } from '../../result/schema.ts';
import type { MeasuredMode } from './judge.ts';
import type { RunFunction } from './measure.ts';

export type CommandRequest = Readonly<{
  /** Without limit and enforcement, which the comparison sets. */
  input: RunInput;
  modes: readonly MeasuredMode[];
  reserve: number;
}>;

export type CommandAnswer = Readonly<{
  /** Peak of a run without a limit; null: it could not be read. */
  peak: number | null;
  /** Why no limit is searched for: the command fails even without one; null: it passes. */
  failsAnyway: string | null;
  /** One for each mode; empty if it fails anyway. */
  found: readonly FoundLimit[];
}>;

export type FoundLimit = Readonly<{
  mode: MeasuredMode;
  /** Bytes: it passes from there on. Null: it passes under no limit up to four times the peak. */
  limit: number | null;
  /** What happened one page below; null: there was no run, or `limit` is null. */
  below: string | null;
  runs: number;
}>;

export type CommandOptions = Readonly<{
  run: RunFunction;
  onTrial: (mode: MeasuredMode, limit: number, passed: boolean) => void;
}>;

/**
 * A limit must exceed a run's usage without one, by what the first runs left in caches and by what printing errors
 * takes.
 */
const MARGIN = 64 * 1024;
/** Peaks beyond which more room would not help. */
const MOST_PEAKS = 4;

/** The first run is discarded: it pays for names that are looked up for the first time. */
export async function compareCommand(request: CommandRequest, options: CommandOptions): Promise<CommandAnswer> {
  const free = normaliseSpec({ ...request.input, ...QUIETLY, enforce: 'none' });
  const first = await options.run(free);
  if (first.outcome !== 'passed') return { peak: first.kmem.maxUsage, failsAnyway: headline(first), found: [] };
  const second = await options.run(free);
  const peak = Math.max(second.kmem.maxUsage ?? 0, MARGIN);
  const found: FoundLimit[] = [];
  for (const mode of request.modes) found.push(await findIn(mode, peak, request, options));
  return { peak: second.kmem.maxUsage, failsAnyway: null, found };
}

const QUIETLY = { output: 'null', sample: 'off' } as const;

async function findIn(
  mode: MeasuredMode,
  peak: number,
  { input, reserve }: CommandRequest,
  { run, onTrial }: CommandOptions,
): Promise<FoundLimit> {
  const failures = new Map<number, Result>();
  const question = { page: pageSize(), guess: peak + MARGIN + reserve, most: MOST_PEAKS * (peak + MARGIN + reserve) };
  const { limit, trials } = await findSmallest(question, async (kmem) => {
    const result = await run(normaliseSpec({ ...input, ...QUIETLY, kmem, enforce: mode, reserve }));
    const passed = result.outcome === 'passed';
    if (!passed) failures.set(kmem, result);
    onTrial(mode, kmem, passed);
    return passed;
  });
  const below = limit === null ? undefined : failures.get(limit - question.page);
  return { mode, limit, below: below === undefined ? null : headline(below), runs: trials.length };
}

export type CommandQuestion = Readonly<{
  /** Limits are multiples of this. */
  page: number;
  /** Expected to pass: tried first. */
  guess: number;
  /** How far to go up if the guess does not pass. */
  most: number;
}>;

export type Smallest = Readonly<{
  /** Null: none passes up to the question's `most`. */
  limit: number | null;
  /** Limits tried, in order. */
  trials: readonly Readonly<{ limit: number; passed: boolean }>[];
}>;

/** A step down is so much, or this part of the guess if that is more. */
const STEP = 64 * 1024;
const STEP_PART = 32;

/**
 * The limit from which on it passes, exact to a page: goes down from the guess in steps to the first limit that fails,
 * and then halves. Far below, it may pass by chance at some limits and not at others, which differ from mode to mode.
 */
export async function findSmallest(
  { page, guess, most }: CommandQuestion,
  passes: (limit: number) => Promise<boolean>,
): Promise<Smallest> {
  const last = Math.floor(most / page);
  const trials: { limit: number; passed: boolean }[] = [];
  const passesAt = async (at: number): Promise<boolean> => {
    const passed = await passes(at * page);
    trials.push({ limit: at * page, passed });
    return passed;
  };
  let fails = 0;
  let hi = Math.min(last, Math.ceil(guess / page));
  while (!(await passesAt(hi))) {
    if (hi === last) return { limit: null, trials };
    fails = hi;
    hi = Math.min(last, hi * 2);
  }
  const by = Math.max(1, Math.ceil(STEP / page), Math.ceil(hi / STEP_PART));
  for (let at = hi - by; at > fails; at -= by) {
    if (await passesAt(at)) hi = at;
    else fails = at;
  }
  while (hi - fails > 1) {
    const at = Math.floor((hi + fails) / 2);
    if (await passesAt(at)) hi = at;
    else fails = at;
  }
  return { limit: hi * page, trials };
}
