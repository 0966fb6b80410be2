/** `kmem-run scenario run`. */

import { SetupError } from '../errors.ts';
import { type Found, findScenarios } from '../scenario/find.ts';
import { readLastFailed, writeLastFailed } from '../scenario/last-failed.ts';
import { performScenarios } from '../scenario/perform.ts';
import { suiteStatus } from '../scenario/suite.ts';
import { signalNumber } from '../spec/exit-status.ts';
import { watchInterrupts } from './interrupts.ts';
import type { Given } from './read-options.ts';
import { type RunChoices, readChoices } from './scenario-options.ts';
import { tellScenarios } from './scenario-report.ts';

export async function runScenarios(given: Given): Promise<number> {
  const choices = readChoices(given);
  const found = part(select(choices), choices);
  const total = found.scenarios.length + found.mistakes.length;
  if (total === 0 && choices.shard === null) {
    throw new SetupError('no-scenario', 'no scenario is selected', 'kmem-run scenario list shows what there is');
  }
  const interrupts = watchInterrupts();
  const telling = tellScenarios(choices.format, choices.output, total);
  try {
    const { report, error } = await performScenarios(found, choices, {
      signal: interrupts.signal,
      hurry: interrupts.hurry,
      onStart: ({ name }) => telling.onStart(name),
      onResult: () => {},
      onEnd: telling.onEnd,
    });
    writeLastFailed(report.scenarios);
    await telling.end(report);
    if (error !== null) throw error;
    if (interrupts.signal.aborted) return 128 + (signalNumber(interrupts.signalName() ?? 'SIGTERM') ?? 0);
    return suiteStatus(report.scenarios);
  } finally {
    interrupts.close();
  }
}

function select({ words, tags, filters, lastFailed }: RunChoices): Found {
  const found = findScenarios({ words, tags, filters });
  if (!lastFailed) return found;
  const failed = readLastFailed();
  return { ...found, mistakes: [], scenarios: found.scenarios.filter(({ name }) => failed.includes(name)) };
}

/** Every N-th of them, so that parts are about as long as each other. */
function part({ scenarios, mistakes }: Found, { shard }: RunChoices): Pick<Found, 'scenarios' | 'mistakes'> {
  if (shard === null) return { scenarios, mistakes };
  const own = scenarios.filter((_, index) => index % shard.of === shard.index - 1);
  return { scenarios: own, mistakes: shard.index === 1 ? mistakes : [] };
}
