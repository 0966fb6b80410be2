import { SetupError } from '../errors.ts';
import { signalNumber } from '../host/exit-status.ts';
import type { CommandHelp } from '../manual/page.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import { ALL_FOLDERS, defaultFolders, type FoundScenarios, findScenarios } from '../scenario/find.ts';
import { readLastFailed, writeLastFailed } from '../scenario/last-failed.ts';
import { performScenarios } from '../scenario/perform.ts';
import { suiteStatus } from '../scenario/suite.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { pageOptions } from './option-kinds.ts';
import { type Given, type OptionForm, readOptions, splitAtSeparator } from './read-options.ts';
import { LIST_OPTIONS, RUN_OPTIONS, type RunChoices, readChoices, SELECT_OPTIONS } from './scenario-options.ts';
import { reportScenarios } from './scenario-report.ts';
import { withSettings } from './settings.ts';

const WHAT = 'SCENARIO|FILE|DIR';

export const scenarioHelp: CommandHelp = {
  synopsis: [
    'kmem-run scenario list|run|check [options] [WHAT…]',
    'kmem-run scenario new NAME',
    'kmem-run scenario schema',
  ],
  text: [
    'Runs experiments from files.',
    'WHAT is a name, a file or a folder, by default ./scenarios. A name is looked up in ./scenarios, then in the library included with kmem-run.',
  ],
  actions: {
    list: { about: 'list scenarios and what they show; without WHAT, include the library', takes: WHAT },
    run: { about: 'run scenarios', takes: WHAT },
    check: { about: 'report errors with file, line and column', takes: WHAT },
    new: { about: 'write an example to scenarios/NAME.yaml', takes: null },
    schema: { about: 'print the JSON Schema of a scenario file, for editors', takes: null },
  },
  options: pageOptions({ ...SELECT_OPTIONS, ...LIST_OPTIONS, ...RUN_OPTIONS }),
  status: [
    ['0', 'all scenarios passed or were skipped'],
    ['1', 'a scenario failed, or check found errors'],
    ['125', 'a scenario could not be run'],
  ],
};

type Action = Readonly<{ options: Readonly<Record<string, OptionForm>>; run: (given: Given) => Promise<number> }>;

const actions: Readonly<Record<string, Action>> = {
  list: {
    options: { ...SELECT_OPTIONS, ...LIST_OPTIONS },
    run: async (given) => (await import('./scenario-files.ts')).listScenarios(given),
  },
  run: { options: { ...SELECT_OPTIONS, ...RUN_OPTIONS }, run: runScenarios },
  check: { options: SELECT_OPTIONS, run: async (given) => (await import('./scenario-files.ts')).checkScenarios(given) },
  new: { options: {}, run: async (given) => (await import('./scenario-files.ts')).newScenario(given) },
  schema: { options: {}, run: async (given) => (await import('./scenario-files.ts')).printSchema(given) },
};

/** `kmem-run scenario`: 0 passed, 1 failed, 125 could not run. */
export async function scenarioCommand(argv: readonly string[]): Promise<number> {
  const { before, after } = splitAtSeparator(argv.slice(1));
  const [name, ...tokens] = before;
  const action = name === undefined || !Object.hasOwn(actions, name) ? undefined : actions[name];
  if (action === undefined) throw noSuchAction(name);
  if (after !== null)
    throw new SetupError('unexpected-argument', 'scenario accepts no command after --', 'see kmem-run scenario --help');
  return action.run(readOptions(tokens, action.options));
}

function noSuchAction(name: string | undefined): SetupError {
  const names = Object.keys(actions);
  const otherwise = `use one of ${names.join(', ')}; see kmem-run scenario --help`;
  if (name === undefined) return new SetupError('missing-action', 'scenario requires a command', otherwise);
  return new SetupError(
    'unknown-action',
    `unknown scenario command: ${quote(name)}`,
    didYouMean(name, names, otherwise),
  );
}

export async function runScenarios(given: Given): Promise<number> {
  const choices = readChoices(withSettings(given, { ...SELECT_OPTIONS, ...RUN_OPTIONS }));
  const found = part(select(choices), choices);
  const total = found.scenarios.length + found.mistakes.length;
  if (total === 0 && choices.shard === null) {
    throw new SetupError('no-scenario', 'no scenario is selected', 'list all scenarios: kmem-run scenario list');
  }
  const interrupts = watchInterrupts();
  const reporter = reportScenarios(choices.format, choices.output, total);
  const { report, error } = await performScenarios(found, choices, {
    signal: interrupts.signal,
    kill: interrupts.kill,
    onStart: ({ name }) => reporter.onStart(name),
    onResult: () => {},
    onEnd: reporter.onEnd,
  });
  const givenUp = interrupts.beginReport();
  writeLastFailed(report.scenarios);
  await reporter.end(report, givenUp);
  if (error !== null) throw error;
  if (report.status === 'stopped') return 128 + (signalNumber(interrupts.signalName() ?? 'SIGTERM') ?? 0);
  return suiteStatus(report.scenarios);
}

function select({ words, library, tags, filters, lastFailed }: RunChoices): FoundScenarios {
  // Scenarios of the library may have failed, too.
  const isAny = lastFailed && words.length === 0 && !library;
  const folders = isAny ? ALL_FOLDERS : defaultFolders(words, library);
  const found = findScenarios({ words, folders, tags, filters });
  if (!lastFailed) return found;
  const failed = readLastFailed();
  return { ...found, mistakes: [], scenarios: found.scenarios.filter(({ name }) => failed.includes(name)) };
}

/** Every N-th scenario, so that the parts take about equally long. */
function part(
  { scenarios, mistakes }: FoundScenarios,
  { shard }: RunChoices,
): Pick<FoundScenarios, 'scenarios' | 'mistakes'> {
  if (shard === null) return { scenarios, mistakes };
  const own = scenarios.filter((_, index) => index % shard.of === shard.index - 1);
  return { scenarios: own, mistakes: shard.index === 1 ? mistakes : [] };
}
