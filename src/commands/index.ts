import { SetupError } from '../errors.ts';
import { print } from '../host/print.ts';
import { type CommandPage, type PageOption, pageOfText } from '../manual/page.ts';
import { nearest } from '../text/nearest.ts';
import { quote } from '../text/quote.ts';
import { version } from '../version.ts';
import type { CommandHelp } from './help.ts';
import { loadSettings, namingSettings } from './settings.ts';

/** Takes the whole command line and resolves with the exit status. */
export type Command = (argv: readonly string[]) => Promise<number>;

/** What --help says, of a command with a table of options or as it stands. */
type Help = CommandHelp | Readonly<{ text: string; words?: readonly string[] }>;

type Entry = Readonly<{ about: string; load: () => Promise<Command>; help: () => Promise<Help> }>;

/** Loaded when called: each start pays for one command only. */
const commands: Readonly<Record<string, Entry>> = {
  run: {
    about: 'run a command under limits (the default)',
    load: async () => (await import('./run.ts')).runCommand,
    help: async () => (await import('./help.ts')).runHelp(commandList()),
  },
  sweep: {
    about: 'run a command at many limits',
    load: async () => (await import('./sweep.ts')).sweepCommand,
    help: async () => (await import('./sweep.ts')).sweepHelp(),
  },
  bisect: {
    about: 'find the smallest limit at which a command passes',
    load: async () => (await import('./bisect.ts')).bisectCommand,
    help: async () => (await import('./bisect.ts')).bisectHelp(),
  },
  explore: {
    about: 'make each call of a command fail, and see what it makes of it',
    load: async () => (await import('./explore.ts')).exploreCommand,
    help: async () => (await import('./explore.ts')).exploreHelp(),
  },
  scenario: {
    about: 'run experiments that are kept as files',
    load: async () => (await import('./scenario.ts')).scenarioCommand,
    help: async () => {
      const { scenarioUsage, scenarioActions } = await import('./scenario.ts');
      return { text: scenarioUsage, words: scenarioActions };
    },
  },
  merge: {
    about: 'put the reports of several scenario runs together',
    load: async () => (await import('./merge.ts')).mergeCommand,
    help: async () => ({ text: (await import('./merge.ts')).mergeUsage }),
  },
  replay: {
    about: 'make a recorded run again, and tell what differs',
    load: async () => (await import('./replay.ts')).replayCommand,
    help: async () => ({ text: (await import('./replay-options.ts')).replayUsage }),
  },
  doctor: {
    about: 'try each thing that a run needs',
    load: async () => (await import('./doctor.ts')).doctorCommand,
    help: async () => ({ text: (await import('./doctor.ts')).doctorUsage }),
  },
  kernel: {
    about: 'keep the kernels that --kernel boots',
    load: async () => (await import('./kernel.ts')).kernelCommand,
    help: async () => {
      const { kernelUsage, kernelActions } = await import('./kernel.ts');
      return { text: kernelUsage, words: kernelActions };
    },
  },
  history: {
    about: 'list the results that are kept',
    load: async () => (await import('./history.ts')).historyCommand,
    help: async () => ({ text: (await import('./history.ts')).historyUsage }),
  },
  show: {
    about: 'show a result that is kept',
    load: async () => (await import('./show.ts')).showCommand,
    help: async () => ({ text: (await import('./show.ts')).showUsage }),
  },
  compare: {
    about: 'compare runs that are kept',
    load: async () => (await import('./compare.ts')).compareCommand,
    help: async () => ({ text: (await import('./compare.ts')).compareUsage }),
  },
  serve: {
    about: 'show what is kept in a browser on this machine',
    load: async () => (await import('./serve.ts')).serveCommand,
    help: async () => ({ text: (await import('./serve.ts')).serveUsage }),
  },
  export: {
    about: 'print results that are kept',
    load: async () => (await import('./export.ts')).exportCommand,
    help: async () => ({ text: (await import('./export.ts')).exportUsage }),
  },
  report: {
    about: 'make a page of results, with plots',
    load: async () => (await import('./report.ts')).reportCommand,
    help: async () => ({ text: (await import('./report.ts')).reportUsage }),
  },
  fidelity: {
    about: "compare the gate with a kernel's own limit",
    load: async () => (await import('./fidelity.ts')).fidelityCommand,
    help: async () => ({ text: (await import('./fidelity-options.ts')).fidelityUsage }),
  },
  gc: {
    about: 'remove groups whose runner is gone',
    load: async () => (await import('./gc.ts')).gcCommand,
    help: async () => ({ text: (await import('./gc.ts')).gcUsage }),
  },
  schema: {
    about: 'print the JSON Schema of the result',
    load: async () => (await import('./schema.ts')).schemaCommand,
    help: async () => ({ text: (await import('./schema.ts')).schemaUsage }),
  },
  completion: {
    about: 'print what makes a shell complete all this',
    load: async () => (await import('./completion.ts')).completionCommand(readManual),
    help: async () => (await import('./completion.ts')).completionHelp,
  },
};

/**
 * The command that the first word names; options of `run` may come without the word.
 * @throws SetupError `unknown-command`
 */
export function findCommand(argv: readonly string[]): Command {
  const before = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  const [first] = before;
  // The others have a --help of their own.
  if (first !== undefined && first !== 'run' && Object.hasOwn(commands, first)) return callLater(first);
  if (before.includes('--version')) return printVersion;
  if (argv.length === 0 || before.includes('--help') || first === 'help') return printHelp;
  if (first !== undefined && first !== 'run' && !first.startsWith('-')) {
    const meant = nearest(first, Object.keys(commands));
    const hint =
      meant === null
        ? 'put -- before the command: kmem-run [options] -- command [args…]'
        : `did you mean ${meant}? A command to run comes after --`;
    throw new SetupError('unknown-command', `${quote(first)} is not a command of kmem-run`, hint);
  }
  return callLater('run');
}

export function commandList(): readonly (readonly [string, string])[] {
  return Object.entries(commands).map(([name, { about }]) => [name, about]);
}

/** @throws SetupError `unknown-command`. */
export async function helpOf(name: string): Promise<Help> {
  return entryOf(name).help();
}

function entryOf(name: string): Entry {
  const entry = commands[name];
  if (entry !== undefined) return entry;
  throw new SetupError('unknown-command', `${name} is not a command of kmem-run`, 'kmem-run --help lists them');
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
  // Its help loads yargs.
  if (name === 'run') return Object.keys((await import('./run-options.ts')).OPTIONS);
  const help = await helpOf(name);
  if ('table' in help) return Object.keys(help.table);
  return pageOfText(name, '', help).options.map((option) => option.name.replace(/^no-/, ''));
}

async function printHelp(): Promise<number> {
  const { printOptions, runHelp } = await import('./help.ts');
  return printOptions(runHelp(commandList()));
}

async function printVersion(): Promise<number> {
  await print(`${version}\n`);
  return 0;
}

/** In the order of --help. */
export function readManual(): Promise<readonly CommandPage[]> {
  return Promise.all(
    commandList().map(async ([name, about]) => {
      const help = await helpOf(name);
      return 'table' in help ? pageOfTable(name, about, help) : pageOfText(name, about, help);
    }),
  );
}

function pageOfTable(name: string, about: string, { table, usage, epilogue }: CommandHelp): CommandPage {
  const [head = '', ...text] = usage.split('\n\n');
  const options = Object.entries(table).map(
    ([key, { helpName = key, takes = null, describe, group, repeatable = false }]): PageOption => ({
      ...{ name: helpName, takes, about: describe, group, repeatable },
    }),
  );
  return {
    name,
    about,
    synopsis: head.split('\n'),
    text,
    epilogue: epilogue.split('\n\n'),
    options,
    words: [],
    runs: true,
  };
}
