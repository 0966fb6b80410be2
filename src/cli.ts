import { type Command, findCommand } from './commands/index.ts';
import { SetupError } from './errors.ts';
import { allowKeeper, endKeeper } from './gate/keeper.ts';
import { setupErrorText } from './report/terminal/run.ts';
import { statuses } from './result/outcome.ts';

/** Dispatches, and turns what a command gives into the exit status: nothing else sets it. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    allowKeeper();
    const command: Command = findCommand(argv);
    return await command(argv);
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    if (takesJson(argv)) await (await import('./commands/option-error.ts')).writeOptionError(argv, error);
    process.stderr.write(setupErrorText(error));
    return statuses.setupError;
  } finally {
    await endKeeper();
  }
}

/** Of a run: other commands write their --json themselves, and it means another thing there. */
function takesJson(argv: readonly string[]): boolean {
  const [first = ''] = argv;
  return first === 'run' || first.startsWith('-');
}

main(process.argv.slice(2)).then(
  (status) => {
    process.exitCode = status;
  },
  (error: unknown) => {
    process.stderr.write(
      `kmem-run: an error of kmem-run's own: ${error instanceof Error ? error.message : String(error)}\n  hint: please report it\n`,
    );
    if (process.env.KMEM_RUN_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
    process.exitCode = statuses.setupError;
  },
);
