/**
 * A program in the microVM, or one run of the runner there: its messages, streams, terminal, signals and end. One at a
 * time for each machine.
 */

import { randomBytes } from 'node:crypto';
import { lstatSync, readdirSync } from 'node:fs';
import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { SetupError } from '../errors.ts';
import { type Channel, channelsOf } from './channels.ts';
import { openGuestStreams, type StreamRequest } from './guest-streams.ts';
import type { Machine } from './machine.ts';
import { type InPump, type OutPump, pumpIn, pumpOut } from './pump.ts';
import {
  type AgentEnd,
  type AgentEvent,
  agentError,
  encodeConfig,
  type GuestConfig,
  type RunConfig,
  say,
} from './wire.ts';

export type { Target, Writer } from './sink.ts';

/** How long a reader on the host may stall once QEMU is gone. */
const STALLED_MS = 500;
const QUIET_MS = 5;
/** As many as Linux's own generator needs. */
const SEED_BYTES = 32;

export type SessionRequest = StreamRequest &
  Readonly<{
    guest: Pick<GuestConfig, 'hostname'> &
      /** Absent: the runner that serves in the guest makes a run. */
      Partial<Pick<GuestConfig, 'cgroup' | 'cwd' | 'env' | 'argv'>>;
    /** For a program that uses the port `kmem.runner`: a line for it, and a callback for its lines. */
    runner: Readonly<{ request: string | ((opened: Opened) => string); onLine: (line: string) => void }> | null;
    /** Called when the program runs, or the run can begin. */
    onStarted: () => void;
  }>;

export type Opened = Extract<AgentEvent, { event: 'opened' }>;

export type Session = Readonly<{
  /** `SIGTERM` … to the program, or to the foreground group if it has a terminal. */
  signal: (name: string) => void;
  /** Called when the runner has its streams. */
  opened: () => void;
  /** Called when the runner has reported its run. */
  finish: () => void;
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
 * Starts the program, or makes a run of the runner that serves. From here on the session owns the caller's streams
 * until it has ended. @throws SetupError `bad-text`
 */
export function runInMachine(machine: Machine, request: SessionRequest): Session {
  const { control, runner, gone } = channelsOf(machine);
  const streams = openGuestStreams(request);
  let isOver = false;
  const send = (words: string | Buffer): void => {
    // What comes after a run would be taken for the next one's configuration.
    if (!isOver) control.send(words);
  };
  const outputs = [
    pumpOut(machine.ports.stdout, streams.stdout, () => send(say.close('stdout'))),
    pumpOut(machine.ports.stderr, streams.stderr, () => send(say.close('stderr'))),
  ] as const;
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
  const begin = (): void => {
    terminal?.take();
    input = pumpIn(streams.source, machine.ports.stdin, (bytes) => send(say.stdinEnd(bytes)));
    request.onStarted();
  };
  const take = (event: AgentEvent): void => {
    if (event.event === 'started') begin();
    if (event.event === 'opened') {
      const line = request.runner?.request;
      runner.send(`${typeof line === 'function' ? line(event) : line}\n`);
      begin();
    }
    if (event.event === 'stopped') void stops.stop(true).then(() => send(say.cont()));
    if (event.event === 'stdin-closed') input?.stop();
    if (event.event === 'setup-error') finish(agentError(event));
    if (event.event === 'end' || event.event === 'over') finish(event);
  };
  const silence = [control.listen(take), ...(request.runner === null ? [] : [runner.listen(request.runner.onLine)])];
  streams.onResize((size) => send(say.size(size)));
  const { hostname, cgroup, cwd, env, argv } = request.guest;
  const seed = randomBytes(SEED_BYTES).toString('hex');
  const run = {
    hostname,
    seed,
    time: Date.now(),
    runFolders: listRunFolders(),
    rw: machine.shares,
    streams: streams.kinds,
    size: streams.size(),
  };
  const isProgram = cgroup !== undefined && cwd !== undefined && env !== undefined && argv !== undefined;
  const hasPort = request.runner !== null;
  if (isProgram && hasPort) runner.send(`${request.runner.request}\n`);
  send(encodeConfig(isProgram ? { ...run, cgroup, cwd, env, argv, runner: hasPort, serves: false } : run));
  const conclude = async (): Promise<SessionEnd> => {
    const ending = await Promise.race([ended, gone]);
    isOver = true;
    await untilPassedOn(machine, ending, outputs, request.runner === null ? null : runner);
    input?.stop();
    stops.close();
    for (const listen of silence) listen();
    for (const output of outputs) output.detach();
    streams.close(ending === null || ending instanceof SetupError ? null : ending.stdin);
    return endOf(machine, ending);
  };
  return {
    signal: (name) => send(say.signal(name)),
    opened: () => send(say.opened()),
    finish: () => {
      send(say.finish());
      isOver = true;
    },
    ended: conclude(),
  };
}

const MOST_RUN_FOLDERS = 256;

/** Those that this user can see. */
function listRunFolders(): RunConfig['runFolders'] {
  try {
    const folders = readdirSync('/run', { withFileTypes: true }).filter(
      (entry) => entry.isDirectory() && !entry.name.startsWith('.'),
    );
    return folders.slice(0, MOST_RUN_FOLDERS).flatMap(({ name }) => {
      const stat = lstatSync(`/run/${name}`, { throwIfNoEntry: false });
      return stat === undefined ? [] : [{ name, mode: stat.mode & 0o7777, uid: stat.uid, gid: stat.gid }];
    });
  } catch {
    return [];
  }
}

/** Null if the machine is gone without a report. */
type Ending = AgentEnd | SetupError | null;

/** Waits for a stalled reader on the host as long as the machine lives; whoever loses patience kills the machine. */
async function untilPassedOn(
  machine: Machine,
  ending: Ending,
  outputs: readonly [OutPump, OutPump],
  runner: Channel<string> | null,
): Promise<void> {
  const isEnd = ending !== null && !(ending instanceof SetupError);
  const [stdout, stderr] = outputs;
  const all = isEnd ? [stdout.reached(ending.stdout), stderr.reached(ending.stderr)] : [stdout.ended, stderr.ended];
  // Of a run that is over, all has been told.
  if (runner !== null && !(isEnd && ending.event === 'over')) all.push(untilQuiet(runner));
  let isDone = false;
  const passedOn = Promise.all(all).then(() => {
    isDone = true;
  });
  await Promise.race([passedOn, machine.ended.then(() => (isDone ? undefined : untilStalled(outputs)))]);
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
  if (ending?.event === 'over') return Promise.resolve(nothing);
  if (ending !== null) return Promise.resolve({ ...nothing, code: ending.code, signal: ending.signal });
  return machine.ended.then(({ stderr }) => ({ ...nothing, lost: { qemu: stderr, console: machine.consoleTail() } }));
}

/** What the runner wrote before its end has arrived when the end is reported, but may be unread. */
async function untilQuiet({ bytes }: Channel<string>): Promise<void> {
  for (let before = -1; before !== bytes(); ) {
    before = bytes();
    await sleep(QUIET_MS);
    await setImmediate();
  }
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
