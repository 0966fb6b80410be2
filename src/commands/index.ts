import { SetupError } from '../errors.ts';
import { print } from '../host/print.ts';
import { findProgram, isExecutable } from '../host/programs.ts';
import type { CommandHelp, CommandPage } from '../manual/page.ts';
import { didYouMean } from '../text/nearest.ts';
import { quote, shellLine } from '../text/quote.ts';
import { version } from '../version.ts';
import { splitAtSeparator } from './read-options.ts';
import { loadSettings, namingSettings } from './settings.ts';

/** Receives the whole command line and resolves with the exit status. */
export type Command = (argv: readonly string[]) => Promise<number>;

/** `group`: the heading under which it is listed. */
type Entry = Readonly<{ group: string; about: string; load: () => Promise<Command>; help: () => Promise<CommandHelp> }>;

const RUN = 'Run and experiment:';
const RESULTS = 'Results:';
const MACHINE = 'Kernels and machine:';
const HELP = 'Help:';

/** Loaded when called: each start loads only one command. */
const commands: Readonly<Record<string, Entry>> = {
  run: {
    group: RUN,
    about: 'run a command under limits (the default command)',
    load: async () => (await import('./run.ts')).runCommand,
    help: async () => (await import('./run-options.ts')).runHelp(),
  },
  sweep: {
    group: RUN,
    about: 'run a command at many limits',
    load: async () => (await import('./sweep.ts')).sweepCommand,
    help: async () => (await import('./sweep.ts')).sweepHelp(),
  },
  bisect: {
    group: RUN,
    about: 'find the smallest limit at which a command passes',
    load: async () => (await import('./bisect.ts')).bisectCommand,
    help: async () => (await import('./bisect.ts')).bisectHelp(),
  },
  explore: {
    group: RUN,
    about: 'fail each allocating call and classify the reaction',
    load: async () => (await import('./explore.ts')).exploreCommand,
    help: async () => (await import('./explore.ts')).exploreHelp(),
  },
  replay: {
    group: RUN,
    about: 'repeat a recorded run and report what differs',
    load: async () => (await import('./replay.ts')).replayCommand,
    help: async () => (await import('./replay-options.ts')).replayHelp,
  },
  scenario: {
    group: RUN,
    about: 'run experiments from files',
    load: async () => (await import('./scenario.ts')).scenarioCommand,
    help: async () => (await import('./scenario.ts')).scenarioHelp,
  },
  history: {
    group: RESULTS,
    about: 'list saved results',
    load: async () => (await import('./history.ts')).historyCommand,
    help: async () => (await import('./history.ts')).historyHelp,
  },
  show: {
    group: RESULTS,
    about: 'show a saved result',
    load: async () => (await import('./show.ts')).showCommand,
    help: async () => (await import('./show.ts')).showHelp,
  },
  compare: {
    group: RESULTS,
    about: 'compare saved runs',
    load: async () => (await import('./compare.ts')).compareCommand,
    help: async () => (await import('./compare.ts')).compareHelp,
  },
  report: {
    group: RESULTS,
    about: 'create a page of results, with plots',
    load: async () => (await import('./report.ts')).reportCommand,
    help: async () => (await import('./report.ts')).reportHelp,
  },
  serve: {
    group: RESULTS,
    about: 'show saved results in a browser on this machine',
    load: async () => (await import('./serve.ts')).serveCommand,
    help: async () => (await import('./serve.ts')).serveHelp,
  },
  export: {
    group: RESULTS,
    about: 'print saved runs as JSON, CSV or stacks',
    load: async () => (await import('./export.ts')).exportCommand,
    help: async () => (await import('./export.ts')).exportHelp,
  },
  merge: {
    group: RESULTS,
    about: 'merge the reports of several scenario runs',
    load: async () => (await import('./merge.ts')).mergeCommand,
    help: async () => (await import('./merge.ts')).mergeHelp,
  },
  schema: {
    group: RESULTS,
    about: 'print the JSON Schema of the result',
    load: async () => (await import('./schema.ts')).schemaCommand,
    help: async () => (await import('./schema.ts')).schemaHelp,
  },
  kernel: {
    group: MACHINE,
    about: 'manage the kernels that --kernel boots',
    load: async () => (await import('./kernel.ts')).kernelCommand,
    help: async () => (await import('./kernel.ts')).kernelHelp,
  },
  fidelity: {
    group: MACHINE,
    about: "compare the gate with a kernel's own limit",
    load: async () => (await import('./fidelity.ts')).fidelityCommand,
    help: async () => (await import('./fidelity-options.ts')).fidelityHelp,
  },
  doctor: {
    group: MACHINE,
    about: 'check this machine and explain how to fix what is missing',
    load: async () => (await import('./doctor.ts')).doctorCommand,
    help: async () => (await import('./doctor.ts')).doctorHelp,
  },
  gc: {
    group: MACHINE,
    about: 'remove groups whose runner is gone',
    load: async () => (await import('./gc.ts')).gcCommand,
    help: async () => (await import('./gc.ts')).gcHelp,
  },
  help: {
    group: HELP,
    about: 'list the commands, or describe one',
    load: async () => helpCommand,
    help: async () => ({
      synopsis: ['kmem-run help [COMMAND]', 'kmem-run COMMAND -h | --help'],
      text: ['Lists the commands, or describes one and its options.'],
      ...{ options: [], takes: Object.keys(commands).join('|'), status: [['0', 'printed']] },
    }),
  },
  completion: {
    group: HELP,
    about: 'print a shell completion script',
    load: async () => (await import('./completion.ts')).completionCommand(readManual),
    help: async () => (await import('./completion.ts')).completionHelp,
  },
  version: {
    group: HELP,
    about: 'print the version',
    load: async () => versionCommand,
    help: async () => ({
      synopsis: ['kmem-run version', 'kmem-run -V | --version'],
      text: ['Prints the version.'],
      ...{ options: [], status: [['0', 'printed']] },
    }),
  },
};

/**
 * The command named by the first word; options of `run` may appear without that word.
 * @throws SetupError `unknown-command`
 */
export function findCommand(argv: readonly string[]): Command {
  const { before } = splitAtSeparator(argv);
  const [first] = before;
  if (argv.length === 0) return helpCommand;
  // For completion scripts: not listed.
  if (first === 'complete') return async (words) => (await import('./complete.ts')).completeCommand(words);
  if (first !== undefined && Object.hasOwn(commands, first)) {
    const asks = asksForHelp(before) || (argv.length === 2 && before[1] === 'help');
    return asks ? () => printHelp(first) : callLater(first);
  }
  if (first !== undefined && !first.startsWith('-')) throw unknownCommand(first, argv);
  if (before.includes('--version') || before.includes('-V')) return () => versionCommand([]);
  return asksForHelp(before) ? printAllHelp : callLater('run');
}

/** No value begins with a dash and a letter, so it cannot be another option's. */
function asksForHelp(before: readonly string[]): boolean {
  return before.includes('--help') || before.includes('-h');
}

function entryOf(name: string): Entry {
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined;
  if (entry !== undefined) return entry;
  const hint = didYouMean(name, Object.keys(commands), 'kmem-run help lists the commands');
  throw new SetupError('unknown-command', `unknown command: ${quote(name)}`, hint);
}

function callLater(name: string): Command {
  return async (argv) => {
    const command = await entryOf(name).load();
    try {
      await loadSettings(name, argv, optionsOf);
      return await command(argv);
    } catch (error) {
      throw error instanceof SetupError ? namingSettings(error) : error;
    }
  };
}

async function optionsOf(name: string): Promise<readonly string[]> {
  if (name === 'run') return Object.keys((await import('./run-options.ts')).OPTIONS);
  return (await entryOf(name).help()).options.map((option) => option.name.replace(/^no-/, ''));
}

/** The user may have meant to run a program. */
function unknownCommand(name: string, argv: readonly string[]): SetupError {
  const isProgram = name.includes('/') ? isExecutable(name) : findProgram(name) !== null;
  const message = `unknown command: ${quote(name)}`;
  if (isProgram && !argv.includes('--'))
    return new SetupError('unknown-command', message, `kmem-run ${shellLine(['--', ...argv])}`);
  const otherwise = 'kmem-run help lists the commands; a command to run comes after --';
  return new SetupError('unknown-command', message, didYouMean(name, Object.keys(commands), otherwise));
}

/** `kmem-run help [COMMAND]`. */
async function helpCommand([, name, stray]: readonly string[]): Promise<number> {
  if (stray !== undefined)
    throw new SetupError('unexpected-argument', `unexpected argument: ${quote(stray)}`, 'kmem-run help [COMMAND]');
  if (name !== undefined) return printHelp(name);
  const { listText } = await import('../manual/help-text.ts');
  await print(await listText(await readManual(), columnsOfStdout()));
  return 0;
}

async function printHelp(name: string): Promise<number> {
  const help = await entryOf(name).help();
  const { helpText } = await import('../manual/help-text.ts');
  await print(await helpText(help, columnsOfStdout()));
  return 0;
}

/** Help for `run`, and the list of commands. */
async function printAllHelp(): Promise<number> {
  const { helpText } = await import('../manual/help-text.ts');
  await print(await helpText(await entryOf('run').help(), columnsOfStdout(), await readManual()));
  return 0;
}

async function versionCommand([, stray]: readonly string[]): Promise<number> {
  if (stray !== undefined)
    throw new SetupError('unexpected-argument', `unexpected argument: ${quote(stray)}`, 'kmem-run version');
  await print(`${version}\n`);
  return 0;
}

function columnsOfStdout(): number {
  return process.stdout.columns || 80;
}

/** In the order of `kmem-run help`. */
export function readManual(): Promise<readonly CommandPage[]> {
  return Promise.all(
    Object.entries(commands).map(async ([name, { about, group, help }]) => ({ name, about, group, ...(await help()) })),
  );
}
