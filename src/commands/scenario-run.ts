/** `kmem-run scenario run`. */

import { basename } from 'node:path';
import { SetupError } from '../errors.ts';
import { allowedCpus, assignCpus } from '../experiment/jobs.ts';
import type { ScenarioOutcome, ScenariosReport } from '../report/scenarios/types.ts';
import { version } from '../result/version.ts';
import { type Found, findScenarios } from '../scenario/find.ts';
import { readLastFailed, writeLastFailed } from '../scenario/last-failed.ts';
import type { Mistake } from '../scenario/mistake.ts';
import { runSuite, suiteStatus } from '../scenario/suite.ts';
import { HOST, type Scenario } from '../scenario/types.ts';
import { signalNumber } from '../spec/exit-status.ts';
import { watchInterrupts } from './interrupts.ts';
import type { Given } from './read-options.ts';
import { type RunChoices, readChoices } from './scenario-options.ts';
import { tellScenarios } from './scenario-report.ts';

export async function runScenarios(given: Given): Promise<number> {
  const choices = readChoices(given);
  const { scenarios, mistakes } = part(select(choices), choices);
  if (scenarios.length === 0 && mistakes.length === 0 && choices.shard === null) {
    throw new SetupError('no-scenario', 'no scenario is selected', 'kmem-run scenario list shows what there is');
  }
  const startedAt = new Date();
  const interrupts = watchInterrupts();
  const telling = tellScenarios(choices.format, choices.output, scenarios.length + mistakes.length);
  try {
    // Nothing is lost by running the others; a file that cannot be read still fails the call.
    const unread = [...Map.groupBy(mistakes, ({ file }) => file)].map(([file, own]) => unreadable(file, own));
    for (const outcome of unread) telling.onEnd(outcome);
    const outcomes = await runSuite(scenarios, {
      ...choices,
      // One job measures with the whole machine, as a run does; several must not share a CPU.
      jobs: choices.jobs === 1 ? [null] : assignCpus(choices.jobs, null, allowedCpus()).jobs.map(({ cpus }) => cpus),
      signal: interrupts.signal,
      hurry: interrupts.hurry,
      onStart: ({ name }) => telling.onStart(name),
      onEnd: telling.onEnd,
    });
    const all = [...unread, ...outcomes];
    const report: ScenariosReport = {
      kind: 'scenarios',
      schemaVersion: 1,
      kmemRun: version,
      startedAt: startedAt.toISOString(),
      durationMs: Date.now() - startedAt.getTime(),
      shard: choices.shard,
      scenarios: all,
    };
    writeLastFailed(all);
    await telling.end(report);
    if (interrupts.signal.aborted) return 128 + (signalNumber(interrupts.signalName() ?? 'SIGTERM') ?? 0);
    return suiteStatus(all);
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
function part(
  { scenarios, mistakes }: Found,
  { shard }: RunChoices,
): { scenarios: readonly Scenario[]; mistakes: readonly Mistake[] } {
  if (shard === null) return { scenarios, mistakes };
  const own = scenarios.filter((_, index) => index % shard.of === shard.index - 1);
  return { scenarios: own, mistakes: shard.index === 1 ? mistakes : [] };
}

/** A file that is no scenario, as an outcome. */
function unreadable(file: string, mistakes: readonly Mistake[]): ScenarioOutcome {
  return {
    name: basename(file).replace(/\.ya?ml$/, ''),
    file,
    kernel: HOST,
    tags: [],
    title: '',
    status: 'error',
    flaky: false,
    reasons: mistakes.flatMap(({ line, column, message, hint }) => [
      `${file}:${line}:${column}: ${message}`,
      ...(hint === null ? [] : [`hint: ${hint}`]),
    ]),
    output: '',
    attempts: 0,
    durationMs: 0,
    folders: [],
    results: [],
  };
}
