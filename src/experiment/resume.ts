/** Saves the runs of an experiment and restores them. */

import { asSetupError, SetupError } from '../errors.ts';
import type { Result } from '../result/schema.ts';
import { keepBeside } from '../store/keep.ts';
import { asPresentResult } from '../store/read-result.ts';
import type { NewExperiment, Store } from '../store/types.ts';
import type { CommonQuestion, ExperimentContext, Plan } from './plan.ts';
import type { ExperimentFacts } from './report.ts';

/** What is saved for resuming; a later version's question may differ. */
export type Kept<Question> = Readonly<{ version: number; question: Question }>;
export const SPEC_VERSION = 2;

/** The question of a saved experiment; null: it was saved by another version. */
export function questionIn<Question extends CommonQuestion>(spec: unknown): Question | null {
  const { version, question } = (spec ?? {}) as Partial<Kept<Question>>;
  if (question === undefined) return null;
  if (version === SPEC_VERSION) return question;
  // Version 1 had neither scenarios nor saved jobs, and a run was over when its last step had exited.
  const then = { scenario: null, jobs: 1, onKernel: {} };
  return version === 1 ? { ...question, ...then, input: { wait: 'exit', ...question.input } } : null;
}

/** @throws SetupError `no-such-experiment`, `ambiguous-id`, `other-kind`, `cannot-resume`. */
export function takeUp<Question extends CommonQuestion>(store: Store, kind: string, word: string) {
  const { id, startedAt, summary, ...found } = store.experiment(word);
  if (found.kind !== kind) {
    const hint = `use kmem-run ${found.kind} --resume ${id}`;
    throw new SetupError('other-kind', `${id} is a ${found.kind}, not a ${kind}`, hint);
  }
  const question = questionIn<Question>(found.spec);
  if (question === null) {
    const reason = `experiment ${id} was saved by another version of kmem-run`;
    throw new SetupError('cannot-resume', reason, 'resume it with that version, or start a new one');
  }
  const begin = once(() => store.updateExperiment(id, { status: 'running', summary }));
  return { id, startedAt, question, begin };
}

export function beginning(store: Store, experiment: Omit<NewExperiment, 'status'>): () => void {
  return once(() => store.saveExperiment({ ...experiment, status: 'running' }));
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (isDone) return;
    work();
    isDone = true;
  };
}

/** Runs saved earlier count like new ones. `onKept`: called with each. @throws SetupError `result-unreadable` */
export function foldKept<Run, History, Report extends ExperimentFacts>(
  { experiment, empty, runAt }: Plan<Run, History, Report>,
  store: Store,
  id: string,
  onKept: (result: Result) => void = () => {},
): History {
  let history = empty;
  for (const { result, point, repeat } of store.runsOf(id)) {
    if (point === null || repeat === null) continue;
    const present = asPresentResult(result);
    onKept(present);
    history = experiment.fold(history, runAt({ point, repeat }), present);
  }
  return history;
}

/** On each kernel, all limited runs of an experiment are limited in the same way. */
export type OneMode = Readonly<{
  note: (result: Result) => void;
  /** @throws SetupError `other-mode` where it differs from those noted: the machine or the user may be another. */
  check: (result: Result) => void;
}>;

export function oneMode(): OneMode {
  const modes = new Map<string | null, string>();
  return {
    note: (result) => {
      const mode = limitedBy(result);
      if (mode !== null) modes.set(result.spec.kernel, mode);
    },
    check: (result) => {
      const [then, now] = [modes.get(result.spec.kernel), limitedBy(result)];
      if (then === undefined || now === null || now === then) return;
      const message = `the saved runs of this experiment were made in the mode ${then}, this one in the mode ${now}`;
      throw new SetupError('other-mode', message, 'resume it as it was begun, or begin a new one with --enforce gate');
    },
  };
}

/** `kernel (object)`, `gate`; null: nothing limited it. */
function limitedBy({ enforcement: { mode, granularity } }: Result): string | null {
  if (mode === null || mode === 'none') return null;
  return mode === 'kernel' ? `${mode} (${granularity})` : mode;
}

/** @throws SetupError where the store does not take it; then it is in a file beside, or on stderr */
export function keepRun<Run, History, Report extends ExperimentFacts>(
  { id, plan, store, begin, question }: ExperimentContext<Run, History, Report>,
  run: Run,
  result: Result,
): void {
  const place = plan.placeOf(run);
  if (place === null) return;
  try {
    begin();
    store.saveRun({ result, experimentId: id, ...place, label: question.label });
  } catch (cause) {
    const { error, file, json } = keepBeside(result, asSetupError(cause));
    if (file === null) process.stderr.write(json);
    throw error;
  }
}
