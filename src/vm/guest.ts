/** A booted machine in which the runner serves: it makes one run after another. */

import { SetupError } from '../errors.ts';
import { type Channels, channelsOf } from './channels.ts';
import { ownKinds, type StreamRequest } from './guest-streams.ts';
import type { Machine } from './machine.ts';
import type { RunnerEvent } from './runner-wire.ts';
import type { Lost } from './session.ts';
import { type AgentEvent, agentError, encodeConfig, type GuestConfig } from './wire.ts';

export type Guest = Readonly<{
  machine: Machine;
  /** Null: it was a boot, and no run yet. Resolves when the last run's room is cleared: with what is left, or null. */
  cleared: () => Promise<string | null>;
  isAlive: () => boolean;
}>;

export type GuestRequest = Readonly<{
  guest: Pick<GuestConfig, 'cgroup' | 'hostname' | 'env' | 'argv'>;
  /** Of the first run: with a terminal, it is the only one. */
  streams: StreamRequest;
  signal: AbortSignal | undefined;
}>;

/** The machine died before the runner was up. */
export class LostGuest extends SetupError {
  readonly lost: Lost;

  constructor(lost: Lost) {
    super('vm-lost', 'the microVM died while kmem-run started in it', 'run it again');
    this.lost = lost;
  }
}

/** Resolves when the runner inside waits for a request. @throws SetupError */
export async function startGuest(machine: Machine, { guest, streams, signal }: GuestRequest): Promise<Guest> {
  const channels = channelsOf(machine);
  const up = untilUp(machine, channels, signal);
  const size = process.stdout.isTTY ? { rows: process.stdout.rows, columns: process.stdout.columns } : null;
  const kinds = ownKinds(streams);
  const config = {
    ...guest,
    cwd: '/',
    seed: '',
    runFolders: [],
    time: Date.now(),
    rw: [],
    size,
    streams: kinds,
    runner: true,
    serves: true,
  };
  channels.control.send(encodeConfig(config));
  await up;
  return adoptGuest(machine);
}

/** A machine whose runner waits for a request. */
export function adoptGuest(machine: Machine): Guest {
  const channels = channelsOf(machine);
  let isAlive = true;
  let last: Promise<string | null> = Promise.resolve(null);
  void machine.ended.then(() => {
    isAlive = false;
  });
  channels.control.listen((event) => {
    if (event.event === 'opened') last = untilCleared(channels);
  });
  return { machine, cleared: () => last, isAlive: () => isAlive };
}

async function untilUp(machine: Machine, { control, runner, gone }: Channels, signal: AbortSignal | undefined) {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onEvent = (event: AgentEvent): void => {
    if (event.event === 'setup-error') reject(agentError(event));
    if (event.event === 'end') reject(endedEarly(event.signal ?? `exit ${event.code}`, machine.consoleTail()));
  };
  const onLine = (line: string): void => {
    if ((JSON.parse(line) as RunnerEvent).event === 'up') resolve();
  };
  const onAbort = (): void =>
    reject(new SetupError('interrupted', 'interrupted while the microVM was booting', 'run it again'));
  const silence = [control.listen(onEvent), runner.listen(onLine)];
  if (signal?.aborted) onAbort();
  signal?.addEventListener('abort', onAbort, { once: true });
  void Promise.all([machine.ended, gone]).then(([{ stderr }]) =>
    reject(new LostGuest({ qemu: stderr, console: machine.consoleTail() })),
  );
  try {
    await promise;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    for (const listen of silence) listen();
  }
}

function endedEarly(how: string, console: string): SetupError {
  return new SetupError(
    'guest-failed',
    `kmem-run in the microVM ended before it was up (${how})${console === '' ? '' : `:\n${console}`}`,
    'give it more memory with --vm-memory; if that does not help, please report it',
  );
}

function untilCleared({ control, gone }: Channels): Promise<string | null> {
  const cleared = new Promise<string | null>((resolve) => {
    const silence = control.listen((event) => {
      if (event.event !== 'cleared' && event.event !== 'end') return;
      silence();
      resolve(event.event === 'cleared' ? event.left : 'its runner ended');
    });
  });
  return Promise.race([cleared, gone.then(() => 'the machine ended')]);
}
