import { formatSize, groupDigits } from '../../request/size.ts';
import type { Result } from '../../result/schema.ts';
import { ENOUGH_RUNS, type Spread } from '../../statistics/spread.ts';
import { verdictOf } from '../attempt.ts';
import { shownPath } from '../find.ts';
import type { BaselineChange, BaselineOutcome, ScenarioOutcome } from '../report.ts';
import type { Scenario } from '../types.ts';
import { type Compared, compareEntries, covers } from './compare.ts';
import { entryOf } from './entry.ts';
import type { Baselines } from './file.ts';
import type { BaselineEntry, BaselineFigure, BaselineSettings } from './types.ts';
import { toleranceText } from './types.ts';
import { spreadText } from './words.ts';

export type Held = Readonly<{
  scenario: Scenario;
  kernel: string;
  settings: BaselineSettings;
  baselines: Baselines;
  /** Runs it this often, or until a run does not pass. */
  run: (times: number) => Promise<ScenarioOutcome>;
  /** Null: as often as the scenario asks for. */
  repeat: number | null;
  strict: boolean;
  signal: AbortSignal;
}>;

export function holdToBaseline(held: Held): Promise<ScenarioOutcome> {
  return held.baselines.isUpdating ? update(held) : compare(held);
}

async function update(held: Held): Promise<ScenarioOutcome> {
  const { scenario, kernel, settings, baselines, run, repeat, signal } = held;
  const { file, entry: before } = baselines.find(scenario, kernel);
  const standing = (state: BaselineOutcome['state'], compared: Compared = NOTHING): BaselineOutcome => ({
    ...{ file: shownPath(file), state },
    ...{ changes: compared.changes, warnings: compared.warnings },
  });
  // The first run pays for one-time look-ups: it is discarded.
  const warm = await run(1);
  const measured = warm.status === 'passed' && !signal.aborted ? await run(timesToMeasure(scenario, repeat)) : warm;
  const outcome = measured === warm ? warm : { ...together(warm, measured), results: measured.results };
  const now = measured === warm || signal.aborted ? null : entryOf(measured.results.filter(isPassed));
  if (outcome.status !== 'passed' || now === null) {
    const notes = [`its baseline in ${shownPath(file)} was not written: it did not pass`];
    return { ...outcome, notes, baseline: standing('not-written') };
  }
  if (before !== null && covers(before, now)) return { ...outcome, baseline: standing('kept') };
  baselines.put(scenario, kernel, now);
  if (before === null) return { ...outcome, baseline: standing('new') };
  const compared = compareEntries(before, now, settings, measured.results);
  return {
    ...outcome,
    notes: compared.changes.map(({ text }) => `baseline: ${text}`),
    baseline: standing('changed', compared),
  };
}

function timesToMeasure({ repeat }: Scenario, asked: number | null): number {
  return asked ?? Math.max(repeat, ENOUGH_RUNS);
}

async function compare(held: Held): Promise<ScenarioOutcome> {
  const { scenario, kernel, settings, baselines, run, repeat, signal } = held;
  const { file, entry, isThere } = baselines.find(scenario, kernel);
  let outcome = await run(repeat ?? scenario.repeat);
  if (entry === null) return isThere || settings.isNamed ? withoutEntry(held, outcome, shownPath(file)) : outcome;
  let compared = measure(entry, outcome, settings);
  while (compared.isUnsure && outcome.status === 'passed' && !signal.aborted) {
    outcome = together(outcome, await run(1));
    compared = measure(entry, outcome, settings);
  }
  return judged(outcome, compared, { file: shownPath(file), settings, entry });
}

/** Uses all runs of a scenario that did not pass: their figures may show why. */
function measure(entry: BaselineEntry, outcome: ScenarioOutcome, settings: BaselineSettings): Compared {
  const results = outcome.status === 'passed' ? outcome.results.filter(isPassed) : outcome.results;
  const now = entryOf(results);
  return now === null ? NOTHING : compareEntries(entry, now, settings, results);
}

const NOTHING: Compared = { changes: [], warnings: [], isUnsure: false };

type Written = Readonly<{ file: string; settings: BaselineSettings; entry: BaselineEntry }>;

function judged(outcome: ScenarioOutcome, { changes, warnings }: Compared, written: Written): ScenarioOutcome {
  const baseline: BaselineOutcome = { file: written.file, state: 'compared', changes, warnings };
  const beyond = changes.filter(({ verdict }) => verdict === 'worse');
  if (outcome.status !== 'passed' || beyond.length === 0) {
    // Its reasons already report the different end.
    const shown = changes.filter(({ key }) => outcome.status === 'passed' || (key !== 'outcome' && key !== 'ends'));
    const notes = shown.map((change) => noteOf(change, outcome));
    return { ...outcome, notes: [...notes, ...warnings], baseline };
  }
  const shown = changes.filter(({ verdict }) => verdict !== 'worse').map((change) => noteOf(change, outcome));
  const hint = `hint: if this is intended, rewrite ${written.file} with --update-baseline and commit it`;
  return {
    ...outcome,
    status: 'failed',
    reasons: [...beyond.flatMap((change) => reasonsOf(change, written)), hint],
    notes: [...shown, ...warnings],
    baseline,
  };
}

function noteOf({ verdict, text }: BaselineChange, { status }: ScenarioOutcome): string {
  if (status !== 'passed' || verdict === 'other') return `against the baseline: ${text}`;
  return `better than the baseline: ${text}; --update-baseline makes that the baseline`;
}

function reasonsOf({ key, text, before, now }: BaselineChange, { settings, entry }: Written): string[] {
  if (key === 'outcome' || key === 'ends' || key === 'firstFailing') return [text];
  const [a, b] = [before, now] as [Spread, Spread];
  const format = key === 'failcnt' ? groupDigits : formatSize;
  const tolerance = toleranceText(settings.tolerance[key satisfies BaselineFigure], format);
  const few = entry.figures[key]?.length === 1 ? ', so its spread is unknown' : '';
  return [text, `baseline ${spreadText(a)}${few}, tolerance ${tolerance}; now ${spreadText(b)}`];
}

function withoutEntry({ kernel, settings, strict }: Held, outcome: ScenarioOutcome, file: string): ScenarioOutcome {
  const lack = `${file} has no baseline of ${outcome.name} on ${kernel}: --update-baseline writes one`;
  const baseline: BaselineOutcome = { file, state: 'missing', changes: [], warnings: [] };
  // A suite must not pass because its baseline went missing.
  if (settings.isNamed && strict && outcome.status === 'passed')
    return { ...outcome, status: 'error', reasons: [lack], baseline };
  return { ...outcome, notes: [lack], baseline };
}

function isPassed(result: Result): boolean {
  return verdictOf(result).status === 'passed';
}

/** Further runs of a scenario that has passed so far. */
function together(first: ScenarioOutcome, more: ScenarioOutcome): ScenarioOutcome {
  const flaky = more.status === 'passed' && (first.flaky || more.flaky);
  return {
    ...more,
    flaky,
    reasons: more.flaky || !first.flaky ? more.reasons : first.reasons,
    output: more.output === '' && flaky ? first.output : more.output,
    attempts: first.attempts + more.attempts,
    durationMs: first.durationMs + more.durationMs,
    folders: [...first.folders, ...more.folders],
    results: [...first.results, ...more.results],
  };
}
