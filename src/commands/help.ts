import yargs from 'yargs';
import { runOptions } from './run-options.ts';

/** Prints --help from the same definitions that parse. */
export async function printHelp(commands: readonly (readonly [string, string])[]): Promise<number> {
  const parser = yargs([])
    .scriptName('kmem-run')
    .usage(
      'kmem-run [run] [options] -- command [args…]\n\nRuns a command under a kernel-memory limit and names every allocation that failed.',
    )
    .locale('en')
    .parserConfiguration({ 'boolean-negation': false })
    .options(runOptions)
    .wrap(process.stdout.columns ?? 100)
    .version(false)
    .help(false)
    .epilogue(
      `Commands: ${commands.map(([name, about]) => `\n  ${name.padEnd(8)}${about}`).join('')}\n\nExample: kmem-run --kmem 1M -- apachectl start`,
    );
  process.stdout.write(`${await parser.getHelp()}\n`);
  return 0;
}
