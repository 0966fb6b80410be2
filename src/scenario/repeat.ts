/** A scenario as often as it is to be run, again where it did not pass, as one outcome. */

import type { ScenarioOutcome } from '../report/scenarios/types.ts';
import type { Attempt } from './attempt.ts';
import { shownPath } from './find.ts';
import type { Scenario } from './types.ts';

type Times = Readonly<{
  times: number;
  /** Further attempts where one did not pass. */
  retry: number;
  signal: AbortSignal;
}>;

export async function repeatAttempts(
  scenario: Scenario,
  kernel: string,
  { times, retry, signal }: Times,
  attempt: () => Promise<Attempt>,
): Promise<ScenarioOutcome> {
  const began = performance.now();
  const made: Attempt[] = [];
  let retries = 0;
  let last: Attempt | undefined;
  for (let run = 0; run < times; run += 1) {
    last = await attempt();
    made.push(last);
    while (last.status !== 'passed' && retries < retry && !signal.aborted) {
      retries += 1;
      last = await attempt();
      made.push(last);
    }
    if (last.status !== 'passed' || signal.aborted) break;
  }
  const status = last?.status ?? 'passed';
  const unlucky = status === 'passed' ? made.find((each) => each.status !== 'passed') : last;
  return blankOutcome(scenario, kernel, {
    status,
    flaky: status === 'passed' && unlucky !== undefined,
    reasons: unlucky?.reasons ?? [],
    output: unlucky?.output ?? '',
    attempts: made.length,
    durationMs: performance.now() - began,
    folders: made.flatMap(({ folder }) => folder ?? []),
    results: made.flatMap(({ result }) => result ?? []),
  });
}

/** One that was not run, with what is known of it. */
export function blankOutcome(
  { name, file, tags, description }: Pick<Scenario, 'name' | 'file' | 'tags' | 'description'>,
  kernel: string,
  changes: Partial<ScenarioOutcome> & Pick<ScenarioOutcome, 'status'>,
): ScenarioOutcome {
  return {
    name,
    file: shownPath(file),
    kernel,
    tags,
    title: description.split('\n')[0] ?? '',
    flaky: false,
    reasons: [],
    notes: [],
    baseline: null,
    output: '',
    attempts: 0,
    durationMs: 0,
    folders: [],
    results: [],
    ...changes,
  };
}
