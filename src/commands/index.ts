import { SetupError } from '../errors.ts';
import { version } from '../result/version.ts';
import { nearest } from '../spec/nearest.ts';
import { quote } from '../spec/quote.ts';

/** Takes the whole command line and resolves with the exit status. */
export type Command = (argv: readonly string[]) => Promise<number>;

/** Loaded when called: each start pays for one command only. */
const commands: Readonly<Record<string, Readonly<{ about: string; load: () => Promise<Command> }>>> = {
  run: { about: 'run a command under limits (the default)', load: async () => (await import('./run.ts')).runCommand },
  sweep: { about: 'run a command at many limits', load: async () => (await import('./sweep.ts')).sweepCommand },
  bisect: {
    about: 'find the smallest limit at which a command passes',
    load: async () => (await import('./bisect.ts')).bisectCommand,
  },
  explore: {
    about: 'make each call of a command fail, and see what it makes of it',
    load: async () => (await import('./explore.ts')).exploreCommand,
  },
  scenario: {
    about: 'run experiments that are kept as files',
    load: async () => (await import('./scenario.ts')).scenarioCommand,
  },
  merge: {
    about: 'put the reports of several scenario runs together',
    load: async () => (await import('./merge.ts')).mergeCommand,
  },
  replay: {
    about: 'make a recorded run again, and tell what differs',
    load: async () => (await import('./replay.ts')).replayCommand,
  },
  doctor: { about: 'try each thing that a run needs', load: async () => (await import('./doctor.ts')).doctorCommand },
  kernel: {
    about: 'keep the kernels that --kernel boots',
    load: async () => (await import('./kernel.ts')).kernelCommand,
  },
  history: { about: 'list the results that are kept', load: async () => (await import('./history.ts')).historyCommand },
  show: { about: 'show a result that is kept', load: async () => (await import('./show.ts')).showCommand },
  compare: { about: 'compare runs that are kept', load: async () => (await import('./compare.ts')).compareCommand },
  export: { about: 'print results that are kept', load: async () => (await import('./export.ts')).exportCommand },
  fidelity: {
    about: "compare the gate with a kernel's own limit",
    load: async () => (await import('./fidelity.ts')).fidelityCommand,
  },
  gc: { about: 'remove groups whose runner is gone', load: async () => (await import('./gc.ts')).gcCommand },
  schema: {
    about: 'print the JSON Schema of the result',
    load: async () => (await import('./schema.ts')).schemaCommand,
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

function callLater(name: string): Command {
  return async (argv) => {
    const command = await commands[name]?.load();
    if (command === undefined)
      throw new SetupError('unknown-command', `${name} is not a command of kmem-run`, 'kmem-run --help lists them');
    return command(argv);
  };
}

async function printHelp(): Promise<number> {
  const { printOptions, runHelp } = await import('./help.ts');
  return printOptions(runHelp(commandList()));
}

async function printVersion(): Promise<number> {
  process.stdout.write(`${version}\n`);
  return 0;
}
