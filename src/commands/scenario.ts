import { SetupError } from '../errors.ts';
import { signalNumber } from '../host/exit-status.ts';
import { print } from '../host/print.ts';
import { watchInterrupts } from '../run/interrupts.ts';
import { ALL_FOLDERS, defaultFolders, type FoundScenarios, findScenarios } from '../scenario/find.ts';
import { readLastFailed, writeLastFailed } from '../scenario/last-failed.ts';
import { performScenarios } from '../scenario/perform.ts';
import { suiteStatus } from '../scenario/suite.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { type Given, type OptionForm, readOptions, splitAtSeparator } from './read-options.ts';
import { RUN_FORMS, type RunChoices, readChoices, SELECT_FORMS } from './scenario-options.ts';
import { reportScenarios } from './scenario-report.ts';
import { withSettings } from './settings.ts';

export const scenarioUsage = `kmem-run scenario list [WHAT…]
kmem-run scenario run [WHAT…]
kmem-run scenario check [WHAT…]
kmem-run scenario new NAME
kmem-run scenario schema

Experiments that are kept as files. WHAT is a name, a file or a folder, by default ./scenarios. A name is looked up in
./scenarios, then in the library that comes with kmem-run.

  list      list their names and what each shows; without WHAT also those of the library
    --tag TAG        only those with this tag (repeatable)
    --filter TEXT    only those whose name contains this text (repeatable)
    --library        the library, instead of ./scenarios
    --json           as JSON
  run       run them; --tag, --filter and --library as above
    --jobs N         so many at a time, each bound to a CPU of its own (1)
    --kernel NAME    on this kernel, those that are for it; "host" is the one that runs
    --parent PATH    make each group in this cgroup directory (not in a microVM)
    --enforce MODE   auto, gate, native or none, whatever the file says
    --repeat N       each so often, whatever it asks for
    --retry N        again where one does not pass, up to N times; one that passes then is marked as flaky
    --last-failed    those that did not pass the last time, here
    --fail-fast      begin none after one that did not pass
    --update-baseline  measure each at least 5 times, and write baseline.yaml beside it: what later runs are held to
    --baseline FILE  that file instead; its name is baseline.yaml, or ends in .baseline.yaml
    --shard I/N      the I-th of N parts (kmem-run merge puts the reports together)
    --format FORMAT  pretty, tap, junit, json or github
    --output FILE    write that there
    --strict         fail if a scenario lacks a program, instead of skipping it
    --no-config      do not read kmem-run.config.json or kmem-run.config.yaml
    --keep-dir       keep the private folder of each run, and say where it is
  check     read them, and say what is wrong, by file, line and column; --tag, --filter and --library as above
  new       write scenarios/NAME.yaml, to begin with
  schema    print the JSON Schema of a scenario file, for editors

Exit status: 0 all passed or were skipped, 1 some failed (check: some have mistakes), 125 some could not be run.
`;

type Action = Readonly<{ options: Readonly<Record<string, OptionForm>>; run: (given: Given) => Promise<number> }>;

const actions: Readonly<Record<string, Action>> = {
  list: {
    options: { ...SELECT_FORMS, json: { type: 'boolean' } },
    run: async (given) => (await import('./scenario-files.ts')).listScenarios(given),
  },
  run: { options: RUN_FORMS, run: runScenarios },
  check: { options: SELECT_FORMS, run: async (given) => (await import('./scenario-files.ts')).checkScenarios(given) },
  new: { options: {}, run: async (given) => (await import('./scenario-files.ts')).newScenario(given) },
  schema: { options: {}, run: async (given) => (await import('./scenario-files.ts')).printSchema(given) },
};

/** What comes after the word `scenario`. */
export const scenarioActions: readonly string[] = Object.keys(actions);

/** `kmem-run scenario`: 0 passed, 1 failed, 125 could not. */
export async function scenarioCommand(argv: readonly string[]): Promise<number> {
  const { before, after } = splitAtSeparator(argv.slice(1));
  if (before.includes('--help')) {
    await print(scenarioUsage);
    return 0;
  }
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
  const choices = readChoices(withSettings(given, RUN_FORMS));
  const found = part(select(choices), choices);
  const total = found.scenarios.length + found.mistakes.length;
  if (total === 0 && choices.shard === null) {
    throw new SetupError('no-scenario', 'no scenario is selected', 'kmem-run scenario list shows all scenarios');
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
  // Those of the library may have failed, too.
  const isAny = lastFailed && words.length === 0 && !library;
  const folders = isAny ? ALL_FOLDERS : defaultFolders(words, library);
  const found = findScenarios({ words, folders, tags, filters });
  if (!lastFailed) return found;
  const failed = readLastFailed();
  return { ...found, mistakes: [], scenarios: found.scenarios.filter(({ name }) => failed.includes(name)) };
}

/** Every N-th of them, so that parts are about as long as each other. */
function part(
  { scenarios, mistakes }: FoundScenarios,
  { shard }: RunChoices,
): Pick<FoundScenarios, 'scenarios' | 'mistakes'> {
  if (shard === null) return { scenarios, mistakes };
  const own = scenarios.filter((_, index) => index % shard.of === shard.index - 1);
  return { scenarios: own, mistakes: shard.index === 1 ? mistakes : [] };
}
