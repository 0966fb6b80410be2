/** A scenario as the subject of an experiment or a replay. */

import { SetupError } from '../errors.ts';
import type { PlanInput } from '../request/run-input.ts';
import { HOST } from '../request/run-spec.ts';
import { quote, shellWord } from '../text/quote.ts';
import { findScenarios } from './find.ts';
import { inputFor } from './input.ts';
import { missingFor } from './needs.ts';
import type { Placement, Scenario } from './types.ts';

export type ScenarioRequest = Readonly<{ name: string; input: PlanInput }>;

/**
 * `word`: a name or a file. @throws SetupError `no-scenario`, `unreadable-scenario`, `bad-scenario`, `bad-option`,
 * `scenario-kernel`, `scenario-needs`.
 */
export async function scenarioRequest(
  word: string,
  kernel: string,
  nameOf: (key: string) => string,
  defaults: Placement = {},
): Promise<ScenarioRequest> {
  const scenario = onlyScenario(word, nameOf('scenario'));
  const { name, kernels } = scenario;
  if (!kernels.includes(kernel)) {
    const asked = kernel === HOST ? 'the running kernel' : kernel;
    const reason = `scenario ${quote(name)} is for ${kernels.join(', ')}, not for ${asked}`;
    const hint = kernels[0] === HOST ? `leave out ${nameOf('kernel')}` : `use ${nameOf('kernel')} ${kernels[0]}`;
    throw new SetupError('scenario-kernel', reason, hint);
  }
  const missing = await missingFor(scenario, kernel);
  if (missing.length > 0) {
    throw new SetupError(
      'scenario-needs',
      `scenario ${quote(name)} cannot run here: ${missing.join('; ')}`,
      'install what is missing, or choose another scenario: kmem-run scenario list',
    );
  }
  return { name, input: inputFor(scenario, kernel, { given: {}, defaults }) };
}

function onlyScenario(word: string, option: string): Scenario {
  const { scenarios, mistakes } = findScenarios({ words: [word], folders: [], tags: [], filters: [] });
  const [mistake] = mistakes;
  if (mistake !== undefined) {
    const { file, line, column, message, hint } = mistake;
    const all = `list all mistakes: kmem-run scenario check ${shellWord(file)}`;
    throw new SetupError('bad-scenario', `${file}:${line}:${column}: ${message}`, hint ?? all);
  }
  const [scenario, ...others] = scenarios;
  if (scenario !== undefined && others.length === 0) return scenario;
  throw new SetupError(
    'bad-option',
    `${option}: ${quote(word)} contains ${scenarios.length} scenarios: ${scenarios.map(({ name }) => name).join(', ')}`,
    'name one of them by its file',
  );
}
