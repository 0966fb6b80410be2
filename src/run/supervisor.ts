import type { Socket } from 'node:net';
import { SetupError } from '../errors.ts';
import { helperArguments } from '../gate/helper.ts';
import { borrowPrograms, type Loan } from '../gate/keeper.ts';
import type { GateConfig } from '../gate/policy.ts';
import {
  encodeClose,
  encodeConfig,
  encodeFinish,
  encodeLimit,
  encodeOutside,
  encodeStep,
  encodeTotals,
  type GateEvent,
  type StepRequest,
} from '../gate/protocol.ts';
import { execa } from '../host/execa.ts';
import { ENDING_SIGNALS } from '../host/exit-status.ts';
import { cutLines } from '../host/lines.ts';
import { setupErrorOf } from './setup-errors.ts';
import { type Stop, untilInterrupted } from './stop.ts';

/** Sources and targets of the command's stdin, stdout and stderr: the runner's own, or a descriptor. */
export type Stdio = Readonly<{
  stdin: 'inherit' | 'ignore' | number;
  stdout: 'inherit' | number;
  stderr: 'inherit' | number;
}>;

export type Supervisor = Readonly<{
  pid: number;
  /** Resolves with the next event of one of these kinds. @throws SetupError when the helper is gone before it comes. */
  next: <Kind extends GateEvent['event']>(...kinds: Kind[]) => Promise<Extract<GateEvent, { event: Kind }>>;
  configure: (config: GateConfig) => void;
  step: (request: StepRequest) => void;
  /** Answered by `limit`; see encodeLimit(). */
  limit: (kmem: number | null | undefined) => void;
  /** Answered by an `account` later on. */
  beginOutside: () => void;
  askTotals: () => void;
  /** Answered by `closed`; see encodeClose(). */
  close: () => void;
  finish: () => void;
  /** Resolves when the helper has exited and all its output was read, with the signal that killed it or null. */
  ended: Promise<NodeJS.Signals | null>;
  /**
   * Makes the guardian kill the supervisor, the group, and processes that left it; works even if one of them was
   * stopped.
   */
  kill: () => void;
}>;

/** Words of what helpers have learnt about the kernel, which does not change while this process lives. */
const fitted = new Set<string>();

type Waiter = { kinds: readonly string[]; resolve: (event: GateEvent) => void; reject: (error: SetupError) => void };

/**
 * Starts the helper: the only source of measured commands. Every event of the helper goes to `onEvent`, in order;
 * `next` is for the steps of the hand-over. `onLost` is called when the helper is gone without having reported why,
 * before anyone who waits for an event learns that it will not come.
 * @throws SetupError `helper-failed`
 */
export function startSupervisor(options: {
  helper: string;
  lockFd: number;
  stdio: Stdio;
  onEvent: (event: GateEvent) => void;
  onLost: () => void;
}): Supervisor {
  const { helper, lockFd, stdio, onEvent, onLost } = options;
  const subprocess = execa(helper, helperArguments(['supervise']), {
    // execa's types allow no descriptor among the first three that may also be 'inherit'.
    stdio: [stdio.stdin, stdio.stdout, stdio.stderr, 'pipe', lockFd] as unknown as [
      'inherit',
      'inherit',
      'inherit',
      'pipe',
      'inherit',
    ],
    buffer: false,
    cleanup: false,
    reject: false,
    extendEnv: false,
    env: {},
    stripFinalNewline: false,
  });
  const control = subprocess.stdio[3] as unknown as Socket | undefined;
  if (subprocess.pid === undefined || control === undefined) {
    throw new SetupError(
      'helper-failed',
      `the native helper cannot be started: ${helper}`,
      'run kmem-run doctor, or reinstall kmem-run to rebuild it',
    );
  }
  let loan: Loan | null = null;
  const waiters = new Set<Waiter>();
  const unclaimed: GateEvent[] = [];
  let gone = false;
  let hasSaidWhy = false;

  const deliver = (event: GateEvent): void => {
    if (event.event === 'fitted') fitted.add(`fitted=${event.word}`);
    hasSaidWhy ||= event.event === 'end' || event.event === 'setup-error';
    onEvent(event);
    for (const waiter of waiters) {
      if (!waiter.kinds.includes(event.event)) continue;
      waiters.delete(waiter);
      waiter.resolve(event);
      return;
    }
    if (handover.has(event.event)) unclaimed.push(event);
  };
  control.on(
    'data',
    cutLines((line) => deliver(JSON.parse(line) as GateEvent)),
  );
  // A write to a killed helper fails; its exit is noticed below.
  control.on('error', () => {});

  // The supervisor is gone. Its guardian, which was started as `subprocess`, ends what is left; it may have been stopped.
  const closed = new Promise((resolve) => control.once('close', resolve)).then(() => {
    gone = true;
    if (!hasSaidWhy) onLost();
    for (const waiter of waiters) waiter.reject(helperGone());
    waiters.clear();
    subprocess.kill('SIGCONT');
  });
  const ended = Promise.all([subprocess, closed]).then(([{ signal }]) => {
    loan?.giveBack();
    return signal ?? null;
  });

  return {
    pid: subprocess.pid,
    next: (...kinds) => {
      const index = unclaimed.findIndex((event) => (kinds as string[]).includes(event.event));
      // `kinds` guarantees the cast; events come from our own helper.
      if (index >= 0) return Promise.resolve(unclaimed.splice(index, 1)[0] as never);
      if (gone) return Promise.reject(helperGone());
      return new Promise((resolve, reject) => waiters.add({ kinds, resolve: resolve as Waiter['resolve'], reject }));
    },
    configure: (config) => {
      loan = borrowPrograms();
      control.write(encodeConfig(config, [...fitted, ...(loan?.words ?? [])]));
    },
    step: (request) => void control.write(encodeStep(request)),
    limit: (kmem) => void control.write(encodeLimit(kmem)),
    beginOutside: () => void control.write(encodeOutside()),
    askTotals: () => void control.write(encodeTotals()),
    close: () => void control.write(encodeClose()),
    finish: () => void control.write(encodeFinish()),
    ended,
    kill: () => {
      subprocess.kill('SIGCONT');
      subprocess.kill('SIGUSR1');
      control.destroy();
    },
  };
}

/** Events that a caller waits for; an event that arrives before its waiter is queued. */
const handover = new Set<GateEvent['event']>([
  ...(['locked', 'setup-error', 'go', 'started', 'denied', 'exit', 'limit', 'closed', 'summary', 'end'] as const),
]);

function helperGone(): SetupError {
  return new SetupError(
    'gate-lost',
    'the native helper died',
    'run the command again: kmem-helper was killed, and the group with it',
  );
}

const TIMEOUT_MS = 60_000;

const TIMEOUT_WHEN_STOPPED_MS = 3000;

/**
 * Resolves when the helper holds the run's lock. No time limit runs yet, and a helper that was stopped would be awaited
 * forever: a helper that reports nothing for a minute, or for three seconds after the run is to end, is killed.
 * @throws SetupError what the helper told instead; `gate-lost` where it told nothing
 */
export async function untilLocked(supervisor: Supervisor, stop: Stop): Promise<void> {
  let isMute = false;
  const giveUp = (): void => {
    isMute = true;
    supervisor.kill();
  };
  let timer: NodeJS.Timeout | null = setTimeout(giveUp, TIMEOUT_MS);
  void stop.happened.then(() => {
    if (timer === null) return;
    clearTimeout(timer);
    timer = setTimeout(giveUp, TIMEOUT_WHEN_STOPPED_MS);
  });
  try {
    const event = await supervisor.next('locked', 'setup-error');
    if (event.event === 'setup-error') throw setupErrorOf(event, '');
  } catch (error) {
    if (isMute) throw mute();
    // It ignores such signals from its first instructions on.
    const signal = await supervisor.ended;
    if (ENDING_SIGNALS.some((name) => name === signal)) await untilInterrupted(stop);
    throw error;
  } finally {
    clearTimeout(timer);
    timer = null;
  }
}

function mute(): SetupError {
  const message = 'the native helper did not respond after starting';
  return new SetupError(
    'gate-lost',
    message,
    'run the command again: kmem-helper was stopped, or the machine is too busy',
  );
}
