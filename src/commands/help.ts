import yargs from 'yargs';
import type { OptionTable } from './option-kinds.ts';
import { describeOptions } from './parse-argv.ts';
import { OPTIONS } from './run-options.ts';

/** Prints --help from the same definitions that parse. */
export async function printHelp(commands: readonly (readonly [string, string])[]): Promise<number> {
  const list = commands.map(([name, about]) => `\n  ${name.padEnd(10)}${about}`).join('');
  return printOptions(OPTIONS, {
    usage:
      'kmem-run [run] [options] -- command [args…]\n\nRuns a command under a kernel-memory limit and names every allocation that failed.',
    epilogue: `Commands: ${list}\n\nExample: kmem-run --kmem 1M -- apachectl start`,
  });
}

/** The same for a command with a table of options of its own. */
export async function printOptions(
  table: OptionTable,
  { usage, epilogue }: Readonly<{ usage: string; epilogue: string }>,
): Promise<number> {
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
  process.stdout.write(`${await parser.getHelp()}\n`);
  return 0;
}
