import yargs from 'yargs';
import { print } from '../host/print.ts';
import type { OptionTable } from './option-kinds.ts';
import { describeOptions } from './parse-argv.ts';
import { OPTIONS } from './run-options.ts';

/** What --help says of a command with a table of options. */
export type CommandHelp = Readonly<{ table: OptionTable; usage: string; epilogue: string }>;

type CommandList = readonly (readonly [string, string])[];

/** Of `run`, which is the command that needs no word; `commands`: names, and what they are about. */
export function runHelp(commands: CommandList): CommandHelp {
  const list = commands.map(([name, about]) => `\n  ${name.padEnd(12)}${about}`).join('');
  return {
    table: OPTIONS,
    usage:
      'kmem-run [run] [options] -- command [args…]\n\nRuns a command under a kernel-memory limit and names every allocation that failed.',
    epilogue: `Commands: ${list}\n\n${EXAMPLES}`,
  };
}

const EXAMPLES = `Examples:
  kmem-run --kmem 1M -- apachectl start
  kmem-run --kmem 8M --ready tcp:80 --client 'curl -sf localhost' -- node app.js`;

/** Prints --help from the same definitions that parse. */
export async function printOptions({ table, usage, epilogue }: CommandHelp): Promise<number> {
  const parser = yargs([])
    .scriptName('kmem-run')
    .usage(usage)
    .locale('en')
    .parserConfiguration({ 'boolean-negation': false })
    .options(describeOptions(table))
    .wrap(process.stdout.columns ?? 100)
    .version(false)
    .help(false)
    .epilogue(epilogue);
  await print(`${await parser.getHelp()}\n`);
  return 0;
}
