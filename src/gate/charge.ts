import { execa } from 'execa';

/** A task that has not met its limit by then never will. */
const PATIENCE_MS = 10_000;

/** Whether a task of the helper's, in the cgroup of this `tasks` file, was refused kernel memory. */
export async function exceedLimit(helper: string, tasksFile: string): Promise<{ refused: boolean }> {
  const { exitCode } = await execa(helper, ['charge', tasksFile], {
    reject: false,
    stdio: 'ignore',
    timeout: PATIENCE_MS,
    killSignal: 'SIGKILL',
  });
  return { refused: exitCode === REFUSED };
}

/** Exit status of a task that was. */
const REFUSED = 1;
