import { type Command, findCommand } from './commands/index.ts';
import { asSetupError, SetupError } from './errors.ts';
import { allowKeeper, endKeeper } from './gate/keeper.ts';
import { ownArguments } from './host/own-process.ts';
import { printed } from './host/print.ts';
import { setupErrorText } from './report/terminal/run.ts';
import { statuses } from './result/outcome.ts';
import { exitWhenWritten } from './run/interrupts.ts';

/** Dispatches, and turns what a command gives into the exit status: nothing else sets it. */
async function main(argv: readonly string[]): Promise<number> {
  try {
    allowKeeper({ lending: false });
    const command: Command = findCommand(argv);
    const status = await command(argv);
    await printed();
    return status;
  } catch (error) {
    if (!(error instanceof SetupError)) throw error;
    if (takesJson(argv)) await (await import('./commands/option-error.ts')).writeOptionError(argv, error);
    process.stderr.write(setupErrorText(error));
    return statuses.setupError;
  } finally {
    await endKeeper();
  }
}

/** For runs: other commands write their --json themselves, and it means something else there. */
function takesJson(argv: readonly string[]): boolean {
  const [first = ''] = argv;
  return first === 'run' || first.startsWith('-');
}

function reportBug(error: unknown): void {
  process.stderr.write(setupErrorText(asSetupError(error)));
  if (process.env.KMEM_RUN_DEBUG && error instanceof Error) process.stderr.write(`${error.stack}\n`);
}

// The status is the command's, whether or not anybody can read the report.
process.stderr.on('error', () => {});
// Node.js itself would exit with 1, as if the answer were no. The helper stops what is running when this process is
// gone.
process.on('uncaughtException', (error) => {
  reportBug(error);
  process.exit(statuses.setupError);
});

// Node.js exits with 0 if nothing is left to wait for, even if the command has not finished.
process.exitCode = statuses.setupError;
main(ownArguments())
  .catch((error: unknown) => {
    reportBug(error);
    return statuses.setupError;
  })
  .then((status) => {
    process.exitCode = status;
    exitWhenWritten();
  });
