/**
 * Programs that kmem-run starts outside the group: clients, setup and cleanup lines, preparations. Each has an owner, a
 * process of the native helper, which ends it with everything it started, even if kmem-run is killed.
 */

import type { Socket } from 'node:net';
import { getSystemErrorName } from 'node:util';
import { helperArguments, helperPath, type Program, startable } from '../gate/helper.ts';
import { encodeSignal } from '../gate/protocol.ts';
import { execa } from '../host/execa.ts';
import { type Exit, signalName, signalNumber } from '../host/exit-status.ts';
import { cutLines } from '../host/lines.ts';
import type { Identity } from './identity.ts';
import type { Stdio } from './supervisor.ts';

/** What the owner reports: how the program ended, or why it could not be started. */
type OwnerEvent =
  | { event: 'exit'; code: number | null; signal: number | null }
  | { event: 'setup-error'; errno: number };

export type OwnedEnd = Exit &
  Readonly<{
    /** Why it could not be started, as an errno; null if it started. */
    error: string | null;
  }>;

export type Owned = Readonly<{
  /** The program has exited; what it started may still run. */
  ended: Promise<OwnedEnd>;
  /** Signals its process group; SIGKILL ends everything it started, wherever that is. */
  signal: (name: NodeJS.Signals) => void;
  /** Ends everything it started, and resolves when that is gone. */
  release: () => Promise<void>;
}>;

export type OwnedProgram = Program &
  Readonly<{
    stdout: 'ignore' | Stdio['stdout'];
    stderr: 'ignore' | Stdio['stderr'];
    /** Null: the runner's own. */
    identity: Identity | null;
  }>;

/** Its stdin is /dev/null. */
export function startOwned({ stdout, stderr, identity, ...program }: OwnedProgram): Owned {
  const { command, cwd, env } = startable(program);
  const user = identity === null ? ['', ''] : [String(identity.uid), String(identity.gid)];
  const owner = execa(helperPath(), helperArguments(['own', ...user, ...command], cwd), {
    cwd,
    env,
    extendEnv: false,
    // Descriptors and 'inherit' mixed, as for the supervisor.
    stdio: ['ignore', stdout as 'inherit', stderr as 'inherit', 'pipe'],
    // A separate session: keys pressed on the user's terminal do not reach it.
    detached: true,
    cleanup: false,
    buffer: false,
    reject: false,
  });
  const control = owner.stdio[3] as unknown as Socket | undefined;
  let isOver = false;
  const gone = owner.then(() => {
    isOver = true;
  });
  const ended = new Promise<OwnedEnd>((resolve) => {
    control?.on(
      'data',
      cutLines((line) => resolve(endOf(JSON.parse(line) as OwnerEvent))),
    );
    // An owner that was killed reports nothing; the program is killed with it. A report may arrive after the owner has
    // exited.
    const closed = new Promise<void>((heard) => {
      if (control === undefined) heard();
      else control.once('close', heard);
    });
    void Promise.all([owner, closed]).then(([{ code, exitCode }]) =>
      resolve({ code: null, signal: 'SIGKILL', error: exitCode === undefined && code !== undefined ? code : null }),
    );
  }).then((end) => {
    // An owner that only guards leftovers does not keep the process alive.
    owner.nodeChildProcess.unref();
    control?.unref();
    return end;
  });
  // A write to a killed owner fails; its exit is noticed above.
  control?.on('error', () => {});
  const kill = (): void => {
    if (isOver) return;
    // Continues the owner in case it was stopped; see guardian.c.
    owner.kill('SIGCONT');
    owner.kill('SIGUSR1');
  };
  return {
    ended,
    signal: (name) => {
      if (name === 'SIGKILL') kill();
      else if (!isOver) control?.write(encodeSignal(signalNumber(name) ?? 0));
    },
    release: () => {
      owner.nodeChildProcess.ref();
      // The owner has finished only once its socket has closed, and Node.js must wait for that.
      control?.ref();
      kill();
      return gone;
    },
  };
}

function endOf(event: OwnerEvent): OwnedEnd {
  if (event.event === 'setup-error') return { code: null, signal: null, error: getSystemErrorName(-event.errno) };
  return { code: event.code, signal: event.signal === null ? null : signalName(event.signal), error: null };
}
