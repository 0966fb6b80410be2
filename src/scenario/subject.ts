/** What an experiment runs: a command and its further steps, or the plan of a scenario under other settings. */

import { SetupError } from '../errors.ts';
import { type CommonQuestion, type Names, placed } from '../experiment/plan.ts';
import type { SweepQuestion } from '../experiment/sweep/sweep.ts';
import type { PlanInput, RunRequest } from '../request/run-input.ts';
import { HOST } from '../request/run-spec.ts';
import type { Placement } from './types.ts';

export type Subject = Pick<CommonQuestion, 'input' | 'scenario'>;

export type AskedScenario = Readonly<{
  /** A name or a file. */
  scenario: string;
  /** Overrides the scenario's own settings. */
  input: Omit<PlanInput, 'plan' | 'template'>;
  /** Applies unless the scenario or `input` sets it. */
  defaults?: Placement;
}>;

export type AskedSubject = Readonly<{ scenario: null; input: RunRequest }> | AskedScenario;

/** Step keys of a run: a scenario has its own. */
const STEP_KEYS = ['command', 'then', 'client', 'ready', 'readyTimeout', 'background', 'stop', 'plan', 'template'];

/** For use with a scenario. @throws SetupError `conflicting-options`. */
export function refuseSteps(isGiven: (key: string) => boolean, nameOf: Names): void {
  const stray = STEP_KEYS.find(isGiven);
  if (stray === undefined) return;
  throw new SetupError(
    'conflicting-options',
    `${nameOf(stray)} cannot be combined with ${nameOf('scenario')}, which has its own steps`,
    'leave out one of them',
  );
}

/** @throws SetupError `bad-cwd`, and what scenarioRequest() throws. */
export async function subjectOf(
  asked: AskedSubject,
  nameOf: Names,
  kernel: string | null = asked.input.kernel ?? null,
): Promise<Subject> {
  if (asked.scenario === null) return { scenario: null, input: placed(asked.input, nameOf) };
  const { scenario, input, defaults } = asked;
  // This loads the YAML and schema parsers.
  const { scenarioRequest } = await import('./request.ts');
  const found = await scenarioRequest(scenario, kernel ?? HOST, nameOf, defaults);
  const given = Object.entries(input).filter(([, value]) => value !== undefined);
  const merged: PlanInput = {
    ...found.input,
    ...Object.fromEntries(given),
    env: { ...found.input.env, ...input.env },
    kernel: kernel === HOST ? null : kernel,
  };
  return { scenario: found.name, input: placed(merged, nameOf) };
}

/** The same for a sweep over kernels, for which a scenario may have other settings. */
export async function sweptSubject(
  asked: AskedSubject,
  nameOf: Names,
  kernels: readonly (string | null)[] = [null],
): Promise<Subject & Pick<SweepQuestion, 'onKernel'>> {
  const [first, ...others] = await Promise.all(kernels.map((kernel) => subjectOf(asked, nameOf, kernel)));
  if (first === undefined) throw new Error('there is no kernel');
  if (asked.scenario === null || others.length === 0) return { ...first, onKernel: {} };
  const inputs = [first, ...others].map(({ input }, index) => [kernels[index] ?? HOST, input]);
  return { ...first, onKernel: Object.fromEntries(inputs) };
}
