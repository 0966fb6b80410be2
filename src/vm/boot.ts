/** One boot: starts QEMU and watches it until the agent inside reports that it is up or the boot has failed. */

import type { ChildProcess } from 'node:child_process';
import type { Duplex, Readable } from 'node:stream';
import { SetupError } from '../errors.ts';
import { execa } from '../host/execa.ts';
import { cutLines } from '../host/lines.ts';
import { findProgram } from '../host/programs.ts';
import { type Console, keepConsole } from './console.ts';
import { IGNORE_SHARED, openMonitor } from './monitor.ts';
import { startOwnTime } from './own-time.ts';
import { FDS, type MachineShape, qemuArguments } from './qemu.ts';
import { type AgentEvent, agentError, parseAgentLine } from './wire.ts';

const LOOK_EVERY_MS = 100;
const KEPT_STDERR = 8 * 1024;

export type Ports = Readonly<{ control: Duplex; stdin: Duplex; stdout: Duplex; stderr: Duplex; runner: Duplex }>;

/** How QEMU ended. */
export type MachineEnd = Readonly<{
  code: number | null;
  signal: string | null;
  /** The end of its output. */
  stderr: string;
}>;

/** A running QEMU. */
export type Booting = Readonly<{
  pid: number;
  ports: Ports;
  /** Null unless a snapshot is made or restored. */
  monitor: Duplex | null;
  console: Console;
  ended: Promise<MachineEnd>;
  pause: () => void;
  resume: () => void;
  kill: () => Promise<void>;
}>;

/** In milliseconds of QEMU's own time: time in which the machine is too busy to run it does not count. */
export type BootTimeouts = Readonly<{
  /** Without output from the kernel. */
  silenceMs: number;
  totalMs: number;
}>;

/** A boot that failed; another one may succeed. */
export class BootFailure extends Error {
  readonly end: MachineEnd | null;
  readonly consoleTail: string;

  constructor(reason: string, end: MachineEnd | null, consoleTail: string) {
    super(reason);
    this.end = end;
    this.consoleTail = consoleTail;
  }
}

/**
 * Resolves when the agent is up. QEMU is always dead by the time it rejects.
 * @throws BootFailure; SetupError where another boot would fail the same way, or `signal` was aborted
 */
export async function bootOnce(
  qemu: string,
  shape: MachineShape,
  timeouts: BootTimeouts,
  { signal, memoryFd }: { signal: AbortSignal | null; memoryFd: number | undefined },
): Promise<Booting> {
  if (signal?.aborted) throw interrupted();
  const booting = startQemu(qemu, qemuArguments(shape), memoryFd === undefined ? [] : [memoryFd]);
  try {
    await untilUp(booting, timeouts, signal);
    return booting;
  } catch (error) {
    await booting.kill();
    throw error;
  }
}

/**
 * Runs the guest of a snapshot, whose descriptors are passed on. QEMU is always dead by the time it rejects.
 * @throws BootFailure; SetupError where `signal` was aborted
 */
export async function restoreOnce(
  qemu: string,
  shape: MachineShape,
  { memoryFd, devicesFd }: Readonly<{ memoryFd: number; devicesFd: number }>,
  signal: AbortSignal | null,
): Promise<Booting> {
  if (signal?.aborted) throw interrupted();
  const booting = startQemu(qemu, qemuArguments(shape), [memoryFd, devicesFd]);
  const onAbort = (): void => void booting.kill();
  const timer = setTimeout(onAbort, RESTORE_MS);
  signal?.addEventListener('abort', onAbort);
  try {
    if (booting.monitor === null) throw new Error('the machine has no monitor');
    const monitor = await openMonitor(booting.monitor);
    const runs = monitor.event('RESUME');
    runs.catch(() => {});
    await monitor.execute('migrate-set-capabilities', IGNORE_SHARED);
    await monitor.execute('migrate-incoming', { uri: `fd:${FDS.devices}` });
    await runs;
    booting.ports.control.pause();
    return booting;
  } catch (error) {
    await booting.kill();
    if (signal?.aborted) throw interrupted();
    throw new BootFailure((error as Error).message, await booting.ended, booting.console.tail());
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', onAbort);
  }
}

/** Many times as long as it takes: then the guest is booted instead. */
const RESTORE_MS = 10_000;

/** `descriptors`: of a snapshot: its memory, and if it is restored, its devices. @throws SetupError `no-qemu` */
export function startQemu(qemu: string, words: readonly string[], descriptors: readonly number[] = []): Booting {
  const [program = qemu, ...before] = launcher();
  const hasMonitor = descriptors.length > 0;
  // Detached, in a separate session, so that keys on the user's terminal never reach it.
  const subprocess = execa(program, [...before, ...(program === qemu ? [] : [qemu]), ...words], {
    cwd: '/',
    detached: true,
    stdio: [
      ...(['ignore', 'ignore', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe', 'pipe'] as const),
      // execa's types allow no descriptor here.
      ...(hasMonitor ? (['pipe', ...descriptors] as 'pipe'[]) : []),
    ],
    buffer: false,
    cleanup: false,
    reject: false,
    stripFinalNewline: false,
  });
  const { pid } = subprocess;
  if (pid === undefined) throw new SetupError('no-qemu', `${qemu} cannot be started`, 'reinstall QEMU');
  const streams = subprocess.stdio as unknown as readonly Duplex[];
  // biome-ignore lint/style/noNonNullAssertion: each is a 'pipe' above.
  const at = (fd: number): Duplex => streams[fd]!;
  const kept = keepConsole();
  at(FDS.console).on('data', kept.add);
  const ports: Ports = {
    control: at(FDS.control),
    stdin: at(FDS.stdin),
    stdout: at(FDS.stdout),
    stderr: at(FDS.stderr),
    runner: at(FDS.runner),
  };
  const monitor = hasMonitor ? at(FDS.monitor) : null;
  const all = [...Object.values(ports), at(FDS.console), ...(monitor === null ? [] : [monitor])];
  // QEMU's exit is noticed anyway.
  for (const stream of all) stream.on('error', () => {});
  const child = subprocess.nodeChildProcess as ChildProcess;
  const ended = endOf(child);
  // Node's kill() sends nothing once it has reaped the process, whose pid may then belong to another.
  const sendSignal = (name: NodeJS.Signals): void => void child.kill(name);
  return {
    pid,
    ports,
    monitor,
    console: kept,
    ended,
    pause: () => sendSignal('SIGSTOP'),
    resume: () => sendSignal('SIGCONT'),
    kill: async () => {
      sendSignal('SIGKILL');
      await ended;
      for (const stream of all) stream.destroy();
    },
  };
}

/**
 * Programs put before QEMU: with them it dies when we do, however we end, and leaves no core file if it aborts. Without
 * them it still exits soon after us, since the agent powers off when the other end of its port is gone.
 */
function launcher(): string[] {
  const prlimit = findProgram('prlimit');
  const setpriv = findProgram('setpriv');
  return [
    ...(prlimit === null ? [] : [prlimit, '--core=0']),
    ...(setpriv === null ? [] : [setpriv, '--pdeathsig', 'KILL', '--']),
  ];
}

/** Does not wait for the ports to close: nobody may be reading them. */
async function endOf(subprocess: ChildProcess): Promise<MachineEnd> {
  const stderr = subprocess.stderr as Readable;
  let said = '';
  stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString()).slice(-KEPT_STDERR);
  });
  const closed = new Promise((resolve) => stderr.once('close', resolve));
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) =>
    subprocess.once('exit', (...how) => resolve(how)),
  );
  await closed;
  return { code, signal, stderr: said.trim() };
}

async function untilUp(booting: Booting, timeouts: BootTimeouts, signal: AbortSignal | null): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const { console: kept, ports } = booting;
  const fail = (reason: string, end: MachineEnd | null): void => reject(new BootFailure(reason, end, kept.tail()));
  const take = (event: AgentEvent | null): void => {
    if (event?.event === 'up') resolve();
    if (event?.event === 'setup-error') reject(agentError(event));
  };
  const onData = cutLines((line) => take(parseAgentLine(line)));
  const onAbort = (): void => reject(interrupted());
  const timer = watchSilence(booting, timeouts, (reason) => fail(reason, null));
  ports.control.on('data', onData);
  signal?.addEventListener('abort', onAbort);
  void booting.ended.then((end) => fail(reasonOf(end, kept.panic()), end));
  try {
    await promise;
  } finally {
    clearInterval(timer);
    signal?.removeEventListener('abort', onAbort);
    // The agent is silent until it gets its instructions; by then the session is listening.
    ports.control.off('data', onData);
    ports.control.pause();
  }
}

function watchSilence({ pid, console: kept }: Booting, timeouts: BootTimeouts, onHang: (reason: string) => void) {
  const now = startOwnTime(pid);
  let heard = 0;
  let heardAt = 0;
  return setInterval(() => {
    const at = now();
    if (kept.total() !== heard) [heard, heardAt] = [kept.total(), at];
    if (at - heardAt > timeouts.silenceMs) onHang(`no output from its kernel for ${seconds(timeouts.silenceMs)}`);
    else if (at > timeouts.totalMs) onHang(`it was not up after ${seconds(timeouts.totalMs)}`);
  }, LOOK_EVERY_MS);
}

function seconds(ms: number): string {
  return `${ms / 1000} s`;
}

function reasonOf({ code, signal, stderr }: MachineEnd, panic: string | null): string {
  if (panic !== null) return `its kernel panicked: ${panic}`;
  const said = stderr === '' ? '' : `: ${stderr.split('\n').at(-1)}`;
  if (signal !== null) return `QEMU was killed by ${signal}${said}`;
  return code === 0 ? `it powered off${said}` : `QEMU ended with status ${code}${said}`;
}

function interrupted(): SetupError {
  return new SetupError('interrupted', 'interrupted while the microVM was booting', 'run the command again');
}
