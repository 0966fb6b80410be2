/**
 * Runs on another kernel: boot → session → the guest's records → the host's verdict. The command's output passes
 * through the host, so expectations are judged here, on what arrived.
 */
import { homedir, hostname, userInfo } from 'node:os';
import { asSetupError, SetupError } from '../errors.ts';
import { ENDING_SIGNALS } from '../host/exit-status.ts';
import { newId } from '../host/new-id.ts';
import { ownEnvironment } from '../host/own-process.ts';
import { findKernel } from '../kernels/find.ts';
import type { Kernel } from '../kernels/types.ts';
import { compileExpectation } from '../request/expect.ts';
import type { RunSpec } from '../request/run-spec.ts';
import { assemble } from '../result/assemble.ts';
import { emptyFacts, type Facts } from '../result/facts.ts';
import { judge, type RunRecord } from '../result/judge.ts';
import { LAST_OUTPUT } from '../result/notes.ts';
import type { Failure, Result } from '../result/schema.ts';
import { bootMachine, type Machine } from '../vm/machine.ts';
import { guestRunner } from '../vm/runner.ts';
import type { RunnerEvent, RunnerRequest } from '../vm/runner-wire.ts';
import { runInMachine, type Session, type SessionEnd } from '../vm/session.ts';
import { openVmStreams, type VmStreams } from './microvm-streams.ts';
import type { RunnerOptions } from './options.ts';
import { createStop, type Stop } from './stop.ts';
import type { RunProgress } from './watch.ts';

/** Few boots hang, and the next one succeeds. */
const BOOT_RETRIES = 2;
/** How long the guest may take to report, beyond its own grace, before it is considered dead. */
const TIMEOUT_MS = 30_000;

/** Like runSpec, but boots `spec.kernel` for the run. */
export async function runInVm(spec: RunSpec, options: RunnerOptions): Promise<Result> {
  const facts = emptyFacts(newId(), spec);
  const expectations = spec.expect.map(compileExpectation);
  const read = expectations.flatMap(({ reads }) => reads ?? []);
  const reads = new Set<'stdout' | 'stderr'>(options.onOutput ? ['stdout', 'stderr'] : read);
  const stop = createStop();
  const made: GuestRun = { kernel: null, machine: null, record: null, bootMs: null, lastWords: null };
  let streams: VmStreams | null = null;
  try {
    streams = openVmStreams(spec, reads, options.stdin ?? 'inherit');
    await makeRun(spec, { facts, stop, streams, options, made });
  } catch (error) {
    facts.error = asSetupError(error);
  } finally {
    options.onPreparation?.('');
    streams?.close();
  }
  facts.terminationReason = stop.reason();
  const record = recordOf(facts, made);
  const { stdout, stderr } = streams?.captures ?? { stdout: null, stderr: null };
  const output = { stdout: stdout?.text() ?? null, stderr: stderr?.text() ?? null };
  const result = judge(record, expectations, output);
  if (result.error === null) {
    options.onOutput?.(output);
    return result;
  }
  const { code, message, hint } = result.error;
  const error = facts.error ?? new SetupError(code, message, hint);
  error.result = result;
  throw error;
}

/** What is known so far. */
type GuestRun = {
  kernel: Kernel | null;
  machine: Machine | null;
  record: RunRecord | null;
  bootMs: number | null;
  /** The last output of QEMU and the kernel, if the machine died. */
  lastWords: string | null;
};
type GuestContext = Readonly<{ facts: Facts; stop: Stop; streams: VmStreams; options: RunnerOptions; made: GuestRun }>;

async function makeRun(spec: RunSpec, context: GuestContext): Promise<void> {
  const { stop, options, made } = context;
  if (spec.kernel === null || spec.vm === null) throw new Error('no kernel was asked for');
  const runner = guestRunner();
  made.kernel = await findKernel(spec.kernel);
  const began = performance.now();
  try {
    const { memory, cpus, rw } = spec.vm;
    made.machine = await bootMachine({
      ...{ kernel: made.kernel, memory, cpus, rw, prefetch: runner.prefetch },
      ...{ accel: 'auto', retries: BOOT_RETRIES, signal: options.signal, onProgress: options.onPreparation },
    });
    const onReady = (): void => {
      made.bootMs = performance.now() - began;
      options.onPreparation?.('');
    };
    await converse(made.machine, spec, { ...context, runner, onReady });
  } catch (error) {
    if (options.signal?.aborted && made.machine === null) stop.end('interrupted');
    else throw error;
  } finally {
    await made.machine?.kill();
  }
}

type Conversation = GuestContext & Readonly<{ runner: ReturnType<typeof guestRunner>; onReady: () => void }>;

async function converse(machine: Machine, spec: RunSpec, conversation: Conversation): Promise<void> {
  const { facts, options, made, streams, stop, runner, onReady } = conversation;
  const take = (event: RunnerEvent): void => {
    if (event.event === 'ready') onReady();
    else if (event.event === 'progress') options.onProgress?.(event.progress as RunProgress);
    else if (event.event === 'failure') options.onFailure?.(event.failure as Failure);
    else if (event.event === 'result') made.record = event.result as RunRecord;
    else if (event.event === 'stay') options.onStay?.(event.processes);
    else if (event.event === 'interrupted') options.onInterrupted?.(event.signal);
    else if (event.event === 'code-cache') runner.keepCodeCache(event.data);
  };
  const request: RunnerRequest = {
    id: facts.id,
    spec: insideOf(spec),
    helper: runner.helper,
    identity: ownIdentity(),
    progress: options.onProgress !== undefined || options.onFailure !== undefined,
    stay: options.onStay !== undefined,
  };
  const session = runInMachine(machine, {
    stdin: streams.stdin,
    stdout: streams.stdout,
    stderr: streams.stderr,
    guest: {
      cgroup: cgroupOf(spec, made.kernel),
      hostname: hostname(),
      cwd: spec.cwd,
      env: ownEnvironment(),
      argv: runner.argv,
    },
    runner: { request: JSON.stringify(request), onLine: (line) => take(JSON.parse(line)) },
    onStarted: () => {},
  });
  const guard = guardSession(session, machine, spec, options, stop);
  const end = await session.ended.finally(guard.close);
  if (end.lost !== null) {
    stop.end('vm-lost');
    made.lastWords = `${end.lost.qemu}\n${end.lost.console}`.trim();
    return;
  }
  if (end.error !== null) throw end.error;
  if (made.record !== null || stop.reason() !== null) return;
  if (made.bootMs !== null || !isInterrupt(end.signal)) throw noRecord(end);
  // It was still starting, and did not handle signals yet.
  stop.end('interrupted');
  if (!options.signal?.aborted) options.onInterrupted?.(end.signal);
}

function isInterrupt(signal: string | null): signal is string {
  return (ENDING_SIGNALS as readonly (string | null)[]).includes(signal);
}

/** Forwards interrupts, and ends a guest that ignores them or its own time limit. */
function guardSession(
  session: Session,
  machine: Machine,
  { graceMs, timeoutMs }: RunSpec,
  { signal, kill }: RunnerOptions,
  stop: Stop,
): Readonly<{ close: () => void }> {
  const timers: NodeJS.Timeout[] = [];
  const giveUpAfter = (ms: number, reason: 'interrupted' | 'walltime'): void => {
    timers.push(
      setTimeout(() => {
        stop.end(reason);
        void machine.kill();
      }, ms),
    );
  };
  const interrupt = (): void => {
    session.signal(nameOf(signal));
    giveUpAfter(graceMs + TIMEOUT_MS, 'interrupted');
  };
  const insist = (): void => {
    // Two signals with the same number may arrive as one.
    session.signal(nameOf(signal) === 'SIGQUIT' ? 'SIGTERM' : 'SIGQUIT');
    giveUpAfter(TIMEOUT_MS / 3, 'interrupted');
  };
  if (signal?.aborted) interrupt();
  signal?.addEventListener('abort', interrupt, { once: true });
  kill?.addEventListener('abort', insist, { once: true });
  if (timeoutMs !== null) giveUpAfter(timeoutMs + graceMs + TIMEOUT_MS, 'walltime');
  return {
    close: () => {
      for (const timer of timers) clearTimeout(timer);
      signal?.removeEventListener('abort', interrupt);
      kill?.removeEventListener('abort', insist);
    },
  };
}

/** The signal that the user sent, if the caller names it. */
function nameOf(signal: AbortSignal | undefined): string {
  return typeof signal?.reason === 'string' && signal.reason.startsWith('SIG') ? signal.reason : 'SIGTERM';
}

function noRecord({ code, signal }: SessionEnd): SetupError {
  return new SetupError(
    'guest-failed',
    `kmem-run in the microVM exited without a result (${signal ?? `exit ${code}`})`,
    'give the microVM more memory with --vm-memory; if the error persists, please report it',
  );
}

/** The guest's request: the same spec without what is decided on the host. */
function insideOf(spec: RunSpec): RunSpec {
  return { ...spec, template: null, kernel: null, vm: null, expect: [], output: 'inherit' };
}

/** v1 enforces a limit on kernel memory up to 5.15; from 5.16 on it offers no more than v2. */
function cgroupOf({ cgroup }: RunSpec, kernel: Kernel | null): 'v1' | 'v2' {
  if (cgroup !== 'auto') return cgroup;
  const [major = 0, minor = 0] = (kernel?.release ?? '').split('.').map(Number);
  return major < 5 || (major === 5 && minor < 16) ? 'v1' : 'v2';
}

/** Null for root, who is root in the guest too. */
function ownIdentity(): RunnerRequest['identity'] {
  const [uid, gid] = [process.getuid?.() ?? 0, process.getgid?.() ?? 0];
  if (uid === 0) return null;
  return { uid, gid, groups: process.getgroups?.() ?? [gid], name: userName(uid), home: homedir() };
}

function userName(uid: number): string {
  try {
    return userInfo().username;
  } catch {
    // Not in the user database.
    return String(uid);
  }
}

function recordOf(facts: Facts, { kernel, machine, record, bootMs, lastWords }: GuestRun): RunRecord {
  const own = assemble(facts);
  const vm = kernel === null ? null : { kernel: kernel.version, accel: machine?.accel ?? null, bootMs };
  const base = record ?? {
    ...own,
    environment: { ...own.environment, kernel: kernel?.release ?? own.environment.kernel },
  };
  return {
    ...base,
    id: facts.id,
    startedAt: facts.startedAt,
    spec: facts.spec,
    terminationReason: own.terminationReason ?? base.terminationReason,
    error: own.error ?? base.error,
    enforcement: { ...base.enforcement, notes: [...base.enforcement.notes, ...deathNote(lastWords)], vm },
  };
}

function deathNote(lastWords: string | null): string[] {
  if (lastWords === null) return [];
  return [lastWords === '' ? 'the microVM died without output' : `${LAST_OUTPUT}${lastWords}`];
}
