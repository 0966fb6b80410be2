/** Programs of a plan that run outside the group: in the runner's own cgroup, each in a process group of its own. */

import { errnoOf } from '../errors.ts';
import { startable } from '../gate/helper.ts';
import { execa } from '../host/execa.ts';
import type { OutsideStep } from '../request/run-spec.ts';
import type { Identity } from './identity.ts';
import type { Stdio } from './supervisor.ts';

export type ClientEnd = Readonly<{
  code: number | null;
  signal: string | null;
  /** Why it could not be started; null: it was. */
  error: string | null;
}>;

export type Client = Readonly<{
  ended: Promise<ClientEnd>;
  /** To all that it started, too. */
  signal: (name: NodeJS.Signals) => void;
}>;

export type ClientOptions = Readonly<{
  step: OutsideStep;
  cwd: string;
  env: Readonly<Record<string, string>>;
  stdio: Stdio;
  /** Null: the runner's own. */
  identity: Identity | null;
}>;

export function startClient({ step, cwd, env, stdio, identity }: ClientOptions): Client {
  const program = startable({ command: step.command, cwd: step.cwd ?? cwd, env: { ...env, ...step.env } });
  const [file = '', ...args] = program.command;
  const subprocess = execa(file, args, {
    cwd: program.cwd,
    env: program.env,
    extendEnv: false,
    // Descriptors and 'inherit' alike, as for the helper.
    stdio: ['ignore', stdio.stdout as 'inherit', stdio.stderr as 'inherit'],
    ...(identity === null ? {} : { uid: identity.uid, gid: identity.gid }),
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
  });
  const { pid } = subprocess;
  return {
    ended: subprocess.then(({ exitCode, signal, code, originalMessage }) => ({
      code: exitCode ?? null,
      signal: signal ?? null,
      error:
        exitCode === undefined && signal === undefined ? (code ?? originalMessage ?? 'it cannot be started') : null,
    })),
    signal: (name) => {
      if (pid !== undefined) signalAll(pid, name);
    },
  };
}

function signalAll(leader: number, name: NodeJS.Signals): void {
  try {
    process.kill(-leader, name);
  } catch (error) {
    // All gone already.
    if (errnoOf(error) !== 'ESRCH') throw error;
  }
}
