/** An experiment's report, rebuilt from its saved runs. */

import { SetupError } from '../errors.ts';
import { optionName } from '../request/run-input.ts';
import type { Result } from '../result/schema.ts';
import { asPresentResult } from '../store/read-result.ts';
import type { Store, StoredExperiment } from '../store/types.ts';
import { bisectPlan } from './bisect/plan.ts';
import type { ExploreCounts, ExploreReport, ExploreTrial } from './explore/report.ts';
import type { ExperimentReport } from './kinds.ts';
import { type CommonQuestion, type Names, type Plan, shownRequest } from './plan.ts';
import type { ExperimentFacts } from './report.ts';
import { foldKept, questionIn } from './resume.ts';
import { sweepPlan } from './sweep/plan.ts';

/** The report of an experiment, or the runs of one that has none. */
export type KeptDocument = Readonly<{ kind: 'experiment'; report: ExperimentReport } | { kind: 'run'; result: Result }>;

/** @throws SetupError `cannot-report`, `result-unreadable`. */
export function keptExperiment(store: Store, id: string): KeptDocument[] {
  const kept = store.experiment(id);
  try {
    return documentsOf(store, kept);
  } catch (error) {
    if (error instanceof SetupError) throw error;
    // The store does not validate an experiment's question.
    const reason = `the saved experiment ${kept.id} is damaged (${error instanceof Error ? error.message : error})`;
    throw new SetupError('cannot-report', reason, 'name the file that was written with --json', { cause: error });
  }
}

function documentsOf(store: Store, kept: StoredExperiment): KeptDocument[] {
  switch (kept.kind) {
    case 'sweep':
      return [{ kind: 'experiment', report: reportOf(store, kept, sweepPlan) }];
    case 'bisect':
      return [{ kind: 'experiment', report: reportOf(store, kept, bisectPlan) }];
    case 'explore':
      return [{ kind: 'experiment', report: exploreReport(store, kept) }];
    case 'scenario':
      return [...store.runsOf(kept.id)].map(({ result }) => ({ kind: 'run', result: asPresentResult(result) }));
  }
}

function reportOf<Question extends CommonQuestion, Run, History, Report extends ExperimentFacts & ExperimentReport>(
  store: Store,
  kept: StoredExperiment,
  planOf: (question: Question, nameOf: Names) => Plan<Run, History, Report>,
): Report {
  const question = questionOf<Question>(kept);
  const plan = planOf(question, optionName);
  const history = foldKept(plan, store, kept.id);
  // No run's place records its CPUs.
  return plan.report({ ...factsOf(kept, question), timeoutMs: plan.timeoutMs(history) }, history, []);
}

function questionOf<Question extends CommonQuestion>({ id, spec }: StoredExperiment): Question {
  const question = questionIn<Question>(spec);
  if (question !== null) return question;
  const reason = `experiment ${id} was saved by another version of kmem-run`;
  throw new SetupError('cannot-report', reason, 'use that version, or name the file that was written with --json');
}

/** Warnings and the reason for the end are only in the printed report, and are not saved. */
function factsOf({ id, startedAt, status }: StoredExperiment, question: CommonQuestion): ExperimentFacts {
  const { warmup, prepare } = question;
  return {
    ...{ schemaVersion: 1, id, startedAt, status: status === 'done' ? 'done' : 'stopped', error: null },
    ...{ ...shownRequest(question), warmup, prepare, timeoutMs: null },
    warnings: status === 'running' ? ['still running: these are the results so far'] : [],
    kmemRun: 'not saved',
  };
}

type Summary = Partial<ExploreCounts> &
  Readonly<{
    score?: number | null;
    made?: number;
    /** `address` is absent if 0.1.0 saved it: then it is in `replay`. */
    found?: readonly (KeptFinding & Readonly<{ address?: string }>)[];
  }>;

/** Findings are in the summary, and the calls are in the runs; the rest of the report is not saved. */
function exploreReport(store: Store, kept: StoredExperiment): ExploreReport {
  const summary = (kept.summary ?? {}) as Summary;
  const found = new Map(
    (summary.found ?? []).map((one) => [one.address ?? /--fail (\S+)/.exec(one.replay)?.[1] ?? '', one]),
  );
  const count = (name: keyof ExploreCounts): number => summary[name] ?? 0;
  const bad = count('crash') + count('hang') + count('silent') + count('leak');
  // Otherwise a call in no saved finding may still be bad.
  const rest = summary.found !== undefined && bad <= found.size && count('unsteady') === 0 ? 'handled' : 'not judged';
  const trials = new Map<string, ExploreTrial>();
  let made = 0;
  for (const { result } of store.runsOf(kept.id)) {
    made += 1;
    const trial = trialOf(asPresentResult(result), found, rest);
    if (trial !== null && trials.get(trial.address)?.class !== 'handled') trials.set(trial.address, trial);
  }
  return {
    ...factsOf(kept, questionOf<CommonQuestion>(kept)),
    kind: 'explore',
    jobs: [],
    calls: null,
    runs: { planned: made, made },
    counts: {
      ...{ crash: count('crash'), hang: count('hang'), silent: count('silent'), leak: count('leak') },
      ...{ handled: count('handled'), mute: count('mute'), unsteady: count('unsteady'), notFailed: count('notFailed') },
    },
    score: summary.score ?? null,
    findings: [],
    unsteady: [],
    tried: [...trials.values()],
  };
}

type KeptFinding = Readonly<{ class: string; how: string; replay: string }>;

/** `rest`: for calls in no finding. */
function trialOf(
  { spec, injections, failures, id }: Result,
  found: ReadonlyMap<string, KeptFinding>,
  rest: 'handled' | 'not judged',
): ExploreTrial | null {
  const [address] = spec.inject;
  if (address === undefined) return null;
  const failure = failures.find(({ injected }) => injected);
  const named = {
    address,
    program: failure?.exe?.split('/').at(-1) ?? failure?.comm ?? null,
    syscall: failure?.syscall ?? /:(\w+)/.exec(address)?.[1] ?? '?',
    detail: failure?.detail ?? null,
    replay: `kmem-run replay ${id}`,
  };
  const finding = found.get(address);
  if (finding !== undefined)
    return { ...named, class: finding.class as ExploreTrial['class'], how: finding.how, replay: finding.replay };
  const isInjected = injections?.[0]?.outcome === 'injected' && (injections[0]?.denials ?? 0) > 0;
  return { ...named, class: isInjected ? rest : 'not failed', how: isInjected ? 'not saved' : null };
}
