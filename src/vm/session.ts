/** A program in the microVM: its messages, streams, terminal, signals and end. One for each machine. */

import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../errors.ts';
import { cutLines } from '../host/lines.ts';
import { openGuestStreams, type StreamRequest } from './guest-streams.ts';
import type { Machine } from './machine.ts';
import { type InPump, type OutPump, pumpIn, pumpOut } from './pump.ts';
import {
  type AgentEnd,
  type AgentEvent,
  agentError,
  encodeConfig,
  type GuestConfig,
  parseAgentLine,
  say,
} from './wire.ts';

export type { Target, Writer } from './sink.ts';

/** How long a reader on the host may stall once QEMU is gone. */
const STALLED_MS = 500;
const QUIET_MS = 5;

export type SessionRequest = StreamRequest &
  Readonly<{
    guest: Pick<GuestConfig, 'cgroup' | 'hostname' | 'cwd' | 'env' | 'argv'>;
    /** For a program that uses the port `kmem.runner`: a line for it, and a callback for its lines. */
    runner: Readonly<{ request: string; onLine: (line: string) => void }> | null;
    /** Called when the program runs. */
    onStarted: () => void;
  }>;

export type Session = Readonly<{
  /** `SIGTERM` … to the program, or to the foreground group if it has a terminal. */
  signal: (name: string) => void;
  /** Never rejects; resolves when all output of the program has been delivered. */
  ended: Promise<SessionEnd>;
}>;

export type SessionEnd = Readonly<{
  /** Null if `signal` killed it, or if its end is unknown. */
  code: number | null;
  signal: string | null;
  /** Set if the machine was gone before it reported the program's end: killed, or its kernel panicked. */
  lost: Lost | null;
  /** Set if the program could not be started. */
  error: SetupError | null;
}>;

/** The last output of QEMU and the last lines of the guest's kernel; either may be empty. */
export type Lost = Readonly<{ qemu: string; console: string }>;

/**
 * Starts the program. From here on the session owns the caller's streams until it has ended. @throws SetupError
 * `bad-text`
 */
export function runInMachine(machine: Machine, request: SessionRequest): Session {
  const { control } = machine.ports;
  const streams = openGuestStreams(request);
  const send = (words: string | Buffer): void => {
    if (!control.destroyed) control.write(words);
  };
  const outputs = [
    pumpOut(machine.ports.stdout, streams.stdout, () => send(say.close('stdout'))),
    pumpOut(machine.ports.stderr, streams.stderr, () => send(say.close('stderr'))),
  ] as const;
  const runner = openRunner(machine, request);
  const { promise: ended, resolve: finish } = Promise.withResolvers<AgentEnd | SetupError>();
  const { terminal } = streams;
  const stops = watchStops({
    onStop: () => {
      terminal?.release();
      machine.pause();
    },
    onContinue: () => {
      machine.resume();
      terminal?.take();
    },
  });
  let input: InPump | null = null;
  const take = (event: AgentEvent | null): void => {
    if (event?.event === 'started') {
      terminal?.take();
      input = pumpIn(streams.source, machine.ports.stdin, (bytes) => send(say.stdinEnd(bytes)));
      request.onStarted();
    }
    if (event?.event === 'stopped') void stops.stop(true).then(() => send(say.cont()));
    if (event?.event === 'stdin-closed') input?.stop();
    if (event?.event === 'setup-error') finish(agentError(event));
    if (event?.event === 'end') finish(event);
  };
  control.on(
    'data',
    cutLines((line) => take(parseAgentLine(line))),
  );
  // The boot paused it so that no message in between is lost.
  control.resume();
  streams.onResize((size) => send(say.size(size)));
  send(
    encodeConfig({
      ...request.guest,
      time: Date.now(),
      rw: machine.shares,
      streams: streams.kinds,
      size: streams.size(),
      runner: request.runner !== null,
    }),
  );
  const conclude = async (): Promise<SessionEnd> => {
    const ending = await Promise.race([ended, gone(machine)]);
    await untilPassedOn(machine, ending, outputs, runner);
    input?.stop();
    stops.close();
    streams.close(ending === null || ending instanceof SetupError ? null : ending.stdin);
    return endOf(machine, ending);
  };
  return { signal: (name) => send(say.signal(name)), ended: conclude() };
}

/** Null if the machine is gone without a report. */
type Ending = AgentEnd | SetupError | null;

/** Resolves only after all the agent's messages are read. */
async function gone({ ended, ports: { control } }: Machine): Promise<null> {
  const closed = new Promise((resolve) => (control.closed ? resolve(null) : control.once('close', resolve)));
  await Promise.all([ended, closed]);
  return null;
}

/** Waits for a stalled reader on the host as long as the machine lives; whoever loses patience kills the machine. */
async function untilPassedOn(
  machine: Machine,
  ending: Ending,
  outputs: readonly [OutPump, OutPump],
  runner: Runner,
): Promise<void> {
  const isEnd = ending !== null && !(ending instanceof SetupError);
  const [stdout, stderr] = outputs;
  const all = isEnd
    ? [stdout.reached(ending.stdout), stderr.reached(ending.stderr), runner.quiet()]
    : [stdout.ended, stderr.ended, runner.quiet()];
  await Promise.race([Promise.all(all), machine.ended.then(() => untilStalled(outputs))]);
}

async function untilStalled(outputs: readonly OutPump[]): Promise<void> {
  const total = (): number => outputs.reduce((sum, output) => sum + output.total(), 0);
  for (let before = -1; before !== total(); ) {
    before = total();
    await sleep(STALLED_MS);
  }
}

function endOf(machine: Machine, ending: Ending): Promise<SessionEnd> {
  const nothing = { code: null, signal: null, lost: null, error: null };
  if (ending instanceof SetupError) return Promise.resolve({ ...nothing, error: ending });
  if (ending !== null) return Promise.resolve({ ...nothing, code: ending.code, signal: ending.signal });
  return machine.ended.then(({ stderr }) => ({ ...nothing, lost: { qemu: stderr, console: machine.consoleTail() } }));
}

type Runner = Readonly<{ quiet: () => Promise<void> }>;

/**
 * What the program wrote to its descriptor 3 before its end has arrived when the end is reported, but may be unread:
 * `quiet` resolves when nothing more is left.
 */
function openRunner({ ports: { runner: port } }: Machine, { runner }: SessionRequest): Runner {
  if (runner === null) return { quiet: () => Promise.resolve() };
  let bytes = 0;
  const take = cutLines(runner.onLine);
  port.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    take(chunk);
  });
  port.write(`${runner.request}\n`);
  return {
    quiet: async () => {
      for (let before = -1; before !== bytes; ) {
        before = bytes;
        await sleep(QUIET_MS);
        await setImmediate();
      }
    },
  };
}

/** Stop signals take effect at once; in an orphaned process group, where nobody could continue us, never. */
const SETTLE_MS = 20;

export type Stops = Readonly<{
  /** `whole`: stops the process group, as Ctrl-Z on the terminal would. Resolves when we are continued. */
  stop: (whole: boolean) => Promise<void>;
  close: () => void;
}>;

/** `onContinue` is also called if we were stopped without a request (SIGSTOP). */
export function watchStops({ onStop, onContinue }: { onStop: () => void; onContinue: () => void }): Stops {
  let stopping = false;
  let closed = false;
  const stop = async (whole: boolean): Promise<void> => {
    if (stopping || closed) return;
    stopping = true;
    onStop();
    // With the default action restored.
    process.off('SIGTSTP', onSignal);
    process.kill(whole ? 0 : process.pid, 'SIGTSTP');
    await sleep(SETTLE_MS);
    stopping = false;
    if (closed) return;
    process.on('SIGTSTP', onSignal);
    onContinue();
  };
  const onSignal = (): void => void stop(false);
  const onCont = (): void => {
    if (!stopping) onContinue();
  };
  process.on('SIGTSTP', onSignal);
  process.on('SIGCONT', onCont);
  return {
    stop,
    close: () => {
      closed = true;
      process.off('SIGTSTP', onSignal);
      process.off('SIGCONT', onCont);
    },
  };
}
