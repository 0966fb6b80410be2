/**
 * Runs on another kernel: a guest, booted or kept → session → the guest's records → the host's verdict. The command's
 * output passes through the host, so expectations are judged here, on what arrived.
 */
import { hostname } from 'node:os';
import { asSetupError, SetupError } from '../errors.ts';
import { ENDING_SIGNALS } from '../host/exit-status.ts';
import { newId } from '../host/new-id.ts';
import { findKernel } from '../kernels/find.ts';
import { hasOwnLimit, type Kernel } from '../kernels/types.ts';
import { compileExpectation } from '../request/expect.ts';
import type { RunSpec } from '../request/run-spec.ts';
import { assemble } from '../result/assemble.ts';
import { emptyFacts, type Facts } from '../result/facts.ts';
import { judge, type RunRecord } from '../result/judge.ts';
import { LAST_OUTPUT } from '../result/notes.ts';
import type { Failure, Result } from '../result/schema.ts';
import { LostGuest } from '../vm/guest.ts';
import { type GuestOrder, type Guests, type Lease, type Outcome, openGuests, type Which } from '../vm/guests.ts';
import type { Machine } from '../vm/machine.ts';
import { type GuestRunner, guestRunner } from '../vm/runner.ts';
import type { RunnerEvent } from '../vm/runner-wire.ts';
import { type Lost, runInMachine, type Session, type SessionEnd } from '../vm/session.ts';
import { NO_MODULE, type RequestParts, requestOf, warmUp } from './microvm-request.ts';
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
  const made: GuestRun = { kernel: null, lease: null, record: null, lastWords: null, mayLeave: false };
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
  /** Null: there was no guest. */
  lease: Lease | null;
  record: RunRecord | null;
  /** The kernel killed processes outside the run's group. */
  mayLeave: boolean;
  /** The last output of QEMU and the kernel, if the machine died. */
  lastWords: string | null;
};
type GuestContext = Readonly<{ facts: Facts; stop: Stop; streams: VmStreams; options: RunnerOptions; made: GuestRun }>;

async function makeRun(spec: RunSpec, context: GuestContext): Promise<void> {
  const { stop, streams, options, made } = context;
  if (spec.kernel === null || spec.vm === null) throw new Error('no kernel was asked for');
  const runner = guestRunner();
  made.kernel = await findKernel(spec.kernel);
  const { memory, cpus, rw } = spec.vm;
  const order: GuestOrder = {
    boot: {
      ...{ kernel: made.kernel, memory, cpus, rw, prefetch: runner.prefetch, serves: true },
      ...{ accel: 'auto', retries: BOOT_RETRIES, signal: options.signal, onProgress: options.onPreparation },
    },
    guest: {
      cgroup: cgroupOf(spec, made.kernel),
      hostname: hostname(),
      // A guest may outlive this process's environment, which each request contains.
      env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin' },
      argv: runner.argv,
    },
    program: runner.program,
    streams,
    signal: options.signal,
    warmUp: (guest) => warmUp(guest, runner, spec, options.signal),
  };
  const guests = options.guests ?? openGuests(0);
  let outcome: Outcome = 'used';
  try {
    await makeRunIn(guests, order, spec, { ...context, runner });
    if (isReusable(spec, context)) outcome = 'reusable';
  } catch (error) {
    if (error instanceof LostGuest) takeLoss(error.lost, context);
    else if (options.signal?.aborted && made.lease === null) stop.end('interrupted');
    else throw error;
  } finally {
    await made.lease?.release(outcome);
  }
}

/** A guest that was kept or restored may have died: then another one is taken. */
async function makeRunIn(guests: Guests, order: GuestOrder, spec: RunSpec, context: Conversation): Promise<void> {
  const { made, options } = context;
  const ways: readonly Which[] = spec.vm?.fresh === true ? ['booted'] : ['any', 'unused', 'booted'];
  for (const which of ways) {
    made.lease = await guests.lease(order, which);
    options.onPreparation?.('');
    if (await converse(made.lease, spec, context)) return;
    const { lease } = made;
    made.lease = null;
    await lease.release('unusable');
  }
}

/** A run that was not ended by its own rule may have left the runner, or the kernel, in any state. */
function isReusable({ timeoutMs, vm }: RunSpec, { stop, streams, made }: GuestContext): boolean {
  const reason = stop.reason() ?? made.record?.terminationReason ?? null;
  const isOrdinary = reason === null || (reason === 'walltime' && timeoutMs !== null) || reason === 'overrun';
  // What was sent and not read would be the next run's input.
  return (
    vm?.fresh !== true &&
    made.record !== null &&
    made.record.error === null &&
    isOrdinary &&
    !made.mayLeave &&
    streams.stdin === null
  );
}

function takeLoss({ qemu, console }: Lost, { stop, made }: GuestContext): void {
  stop.end('vm-lost');
  made.lastWords = `${qemu}\n${console}`.trim();
}

type Conversation = GuestContext & Readonly<{ runner: GuestRunner }>;

/** A restored guest that has not begun the run by then never will: another one is booted. */
const OPENING_MS = 30_000;

/** False: the guest was kept or restored, and the run did not begin in it. */
async function converse(
  { guest: { machine }, reused, isRestored }: Lease,
  spec: RunSpec,
  conversation: Conversation,
): Promise<boolean> {
  let hasBegun = false;
  const { facts, options, made, streams, stop, runner } = conversation;
  const take = (event: RunnerEvent): void => {
    if (event.event === 'ready') session.opened();
    else if (event.event === 'progress') options.onProgress?.(event.progress as RunProgress);
    else if (event.event === 'failure') options.onFailure?.(event.failure as Failure);
    else if (event.event === 'result') made.record = event.result as RunRecord;
    else if (event.event === 'stay') options.onStay?.(event.processes);
    else if (event.event === 'interrupted') options.onInterrupted?.(event.signal);
    else if (event.event === 'code-cache') runner.keepCodeCache(event.data);
    else if (event.event === 'done') {
      made.mayLeave = event.oomKillsOutside;
      session.finish();
    }
  };
  const parts: RequestParts = {
    ...{ id: facts.id, spec, runner, module: made.kernel?.native ?? NO_MODULE },
    progress: options.onProgress !== undefined || options.onFailure !== undefined,
    stay: options.onStay !== undefined,
  };
  const session = runInMachine(machine, {
    stdin: streams.stdin,
    stdout: streams.stdout,
    stderr: streams.stderr,
    guest: { hostname: hostname() },
    runner: { request: (opened) => JSON.stringify(requestOf(opened, parts)), onLine: (line) => take(JSON.parse(line)) },
    onStarted: () => {
      hasBegun = true;
    },
  });
  const timer = setTimeout(() => !hasBegun && isRestored && void machine.kill(), OPENING_MS);
  const guard = guardSession(session, machine, spec, options, stop);
  const end = await session.ended.finally(guard.close);
  clearTimeout(timer);
  const isUnused = !hasBegun && (reused > 0 || isRestored) && stop.reason() === null;
  if (isUnused && end.lost !== null) return false;
  if (end.lost !== null) {
    takeLoss(end.lost, conversation);
    return true;
  }
  if (end.error !== null) throw end.error;
  if (made.record === null && stop.reason() === null) {
    if (hasBegun || !isInterrupt(end.signal)) throw noRecord(end, machine.consoleTail());
    // It was still starting, and did not handle signals yet.
    stop.end('interrupted');
    if (!options.signal?.aborted) options.onInterrupted?.(end.signal);
  }
  return true;
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

function noRecord({ code, signal }: SessionEnd, console: string): SetupError {
  return new SetupError(
    'guest-failed',
    `kmem-run in the microVM exited without a result (${signal ?? `exit ${code}`})${console === '' ? '' : `:\n${console}`}`,
    'give the microVM more memory with --vm-memory; if the error persists, please report it',
  );
}

function cgroupOf({ cgroup }: RunSpec, kernel: Kernel | null): 'v1' | 'v2' {
  if (cgroup !== 'auto') return cgroup;
  return kernel === null || hasOwnLimit(kernel) ? 'v1' : 'v2';
}

function recordOf(facts: Facts, { kernel, lease, record, lastWords }: GuestRun): RunRecord {
  const own = assemble(facts);
  const accel = lease?.guest.machine.accel ?? null;
  const { bootMs, reused } = lease ?? { bootMs: null, reused: 0 };
  const vm = kernel === null ? null : { kernel: kernel.version, accel, bootMs, reused };
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
