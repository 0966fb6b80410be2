/** A step that runs a program, in the group or outside: started, awaited, recorded. */

import { setTimeout as sleep } from 'node:timers/promises';
import { readCounters } from '../../cgroup/counters.ts';
import { processesNow, signalMember, signalTree } from '../../cgroup/processes.ts';
import type { GateEvent } from '../../gate/protocol.ts';
import { signalName, signalNumber } from '../../host/exit-status.ts';
import type { CommandStep, OutsideStep } from '../../request/run-spec.ts';
import { statuses } from '../../result/outcome.ts';
import type { Exit } from '../../result/schema.ts';
import { formatDuration } from '../../text/figures.ts';
import type { Part } from '../capture.ts';
import { startOwned } from '../owned.ts';
import type { PlannedStep } from '../plan.ts';
import { memoryErrorOf, setupErrorOf } from '../setup-errors.ts';
import type { Streams } from '../streams.ts';
import { pollUntil, waitFor } from './ready.ts';
import { beginOwnStep, begunStep, record, type StepContext, startClock } from './record.ts';

/** How a program ended, as it is recorded. */
type End = Readonly<{
  exit: Exit;
  wallMs: number;
  failcnt: number | null;
  kmemMaxUsage: number | null;
  error: string | null;
}>;

/** A program that has started. `ended`: null if its end cannot be observed, as when the helper is gone. */
type Running = Readonly<{
  /** Signals the program alone, or everything it has started. */
  signal: (name: NodeJS.Signals) => void;
  end: (name: NodeJS.Signals) => void;
  ended: Promise<End | null>;
}>;

/** Resolves when the next step may begin. @throws SetupError where the helper could not start it */
export async function takeProgram(
  context: StepContext,
  index: number,
  { step, request, line }: PlannedStep,
): Promise<void> {
  if (step.kind !== 'command' && step.kind !== 'outside') return;
  const written = await watchWritten(context.streams);
  const running = await (step.kind === 'outside'
    ? beginOutside(context, step)
    : beginInGroup(context, step, { request, line }));
  if (running === null) return;
  let isOver = false;
  const ended = recordEnd(context, index, running, { step, written }).finally(() => {
    isOver = true;
  });
  // Whoever awaits it sees the rejection; until then it must not count as unhandled.
  ended.catch(() => {});
  if (step.background) {
    const { signal, end } = running;
    // Node has no name for a signal with only a number (SIGRTMIN+3), but it is sent all the same.
    const stop = step.stop as NodeJS.Signals;
    const inGroup = step.kind === 'command';
    context.background.set(index, { name: step.name, inGroup, stop, signal, end, ended, isOver: () => isOver });
  } else if (step.stops === null) await ended;
  else await awaitStopped(context, index, step.stops, ended);
  await awaitReady(context, index, step, { written, isOver: () => isOver });
}

/** The step that stops a server, and the server's own end: dying of that signal is what was wanted. */
async function awaitStopped(context: StepContext, index: number, name: string, ended: Promise<void>): Promise<void> {
  const [at, server] = [...context.background].find(([, each]) => each.name === name) ?? [];
  const isRunning = at !== undefined && server !== undefined && !server.isOver();
  if (isRunning) record(context, at, { stopped: true });
  await ended;
  if (!isRunning) return;
  const { graceMs } = context.facts.spec;
  const look = async () => (server.isOver() ? null : 'the server is still running');
  const { error } = await pollUntil(look, graceMs, () => (context.stop.reason() === null ? null : 'the run was ended'));
  if (error === null) await server.ended;
  else record(context, index, { error });
}

async function beginInGroup(
  context: StepContext,
  step: CommandStep,
  { request, line }: Pick<PlannedStep, 'request' | 'line'>,
): Promise<Running | null> {
  const { facts, gate, group, stop } = context;
  if (request === null) return null;
  const refuse = (event: Extract<GateEvent, { event: 'setup-error' }>): null => {
    // Killed by kmem-run during the hand-over: the interrupt is the cause.
    if (stop.reason() !== null) return null;
    const { mem } = readCounters(group);
    throw memoryErrorOf(event, facts.limitsNow?.mem ?? null, mem) ?? setupErrorOf(event, request.argv[0] ?? '');
  };
  const handed = await gate.begin(request);
  if (handed === null) return null;
  const { begun, started, ended } = handed;
  if (begun.event === 'setup-error') return refuse(begun);
  startClock(context, begun.startNs);
  const blank = begunStep(facts, step, begun.atNs / 1e6);
  facts.steps.push({ ...blank, command: line ?? blank.command });
  if (begun.event === 'denied') {
    return { signal: () => {}, end: () => {}, ended: Promise.resolve(endOf(context, begun, begun.atNs)) };
  }
  facts.noNewPrivs ||= begun.noNewPrivs === 1;
  facts.unaccounted ||= begun.usage === 0;
  context.onGo();
  // The next step may begin only then, and a program that cannot be executed does not run on.
  const failed = step.background ? await started : null;
  if (failed !== null) {
    facts.steps.pop();
    return refuse(failed);
  }
  const { pid } = begun;
  const end = async (): Promise<End | null> => {
    const event = await ended;
    if (event === null) return null;
    if (event.event !== 'setup-error') return endOf(context, event, begun.atNs);
    facts.steps.pop();
    return refuse(event);
  };
  return {
    signal: (name) => void signalMember(group, pid, name),
    end: (name) => signalTree(group, pid, name),
    ended: end(),
  };
}

function endOf({ facts }: StepContext, event: Extract<GateEvent, { event: 'exit' | 'denied' }>, begunNs: number): End {
  facts.wallMs = event.atNs / 1e6;
  return {
    exit: exitOf(event),
    wallMs: (event.atNs - begunNs) / 1e6,
    failcnt: facts.mode === 'none' ? null : event.denials,
    kmemMaxUsage: event.maxUsage,
    error: null,
  };
}

function exitOf(event: Extract<GateEvent, { event: 'exit' | 'denied' }>): Exit {
  // The limit itself prevented the start: the shell's status for a command that cannot be executed.
  if (event.event === 'denied') return { code: statuses.notExecutable, signal: null };
  return { code: event.code, signal: event.signal === null ? null : signalName(event.signal) };
}

async function beginOutside(context: StepContext, step: OutsideStep): Promise<Running> {
  const { facts, plan, streams, stop } = context;
  beginOwnStep(context, step);
  const began = performance.now();
  const { stdout, stderr } = streams.stdio;
  const client = startOwned({
    command: step.command,
    cwd: step.cwd ?? facts.spec.cwd,
    env: { ...plan.env, ...step.env },
    ...{ stdout, stderr, identity: plan.clientIdentity },
  });
  let isOver = false;
  const signal = (name: NodeJS.Signals): void => {
    if (!isOver) client.signal(name);
  };
  void stop.happened.then(() => {
    signal('SIGTERM');
    setTimeout(() => signal('SIGKILL'), facts.spec.graceMs).unref();
  });
  const ended = client.ended.then(async ({ code, signal: by, error }): Promise<End> => {
    isOver = true;
    const wallMs = performance.now() - began;
    // Processes that it left behind end with it.
    await client.release();
    return {
      exit: error === null ? { code, signal: by } : { code: statuses.notFound, signal: null },
      wallMs,
      failcnt: null,
      kmemMaxUsage: null,
      error: error === null ? null : `it cannot be started: ${error}`,
    };
  });
  return { signal, end: signal, ended };
}

type WrittenStep = Readonly<{ step: CommandStep | OutsideStep; written: Written }>;

/** Ends the program if it has its own time limit, and records how it ended. */
async function recordEnd(
  context: StepContext,
  index: number,
  running: Running,
  { step, written }: WrittenStep,
): Promise<void> {
  const late = step.timeoutMs === null ? null : endWhenLate(context, running, step.timeoutMs);
  const end = await running.ended;
  const isLate = late?.stop() ?? false;
  if (end === null) return;
  const wantsOutput = step.expect.length > 0;
  // An error that says why it was never ready is kept.
  const error = isLate ? `it was ended after ${formatDuration(step.timeoutMs ?? 0)}` : end.error;
  const { stdout, stderr } = await written.end();
  record(context, index, {
    // Same as timeout(1).
    exit: isLate ? { code: statuses.timeout, signal: null } : end.exit,
    wallMs: end.wallMs,
    failcnt: end.failcnt,
    kmemMaxUsage: end.kmemMaxUsage,
    ...(error === null ? {} : { error }),
    ...(wantsOutput ? { stdout, stderr } : {}),
  });
}

function endWhenLate({ facts }: StepContext, { end }: Running, timeoutMs: number): { stop: () => boolean } {
  let isLate = false;
  const timers = [
    setTimeout(() => {
      isLate = true;
      end('SIGTERM');
      end('SIGCONT');
      timers.push(setTimeout(() => end('SIGKILL'), facts.spec.graceMs));
    }, timeoutMs),
  ];
  return {
    stop: () => {
      for (const timer of timers) clearTimeout(timer);
      return isLate;
    },
  };
}

type Readiness = Readonly<{
  written: Written;
  /** The program has exited; a server that went into the background may still become ready. */
  isOver: () => boolean;
}>;

async function awaitReady(
  context: StepContext,
  index: number,
  { kind, ready }: CommandStep | OutsideStep,
  { written, isOver }: Readiness,
): Promise<void> {
  if (ready === null || context.stop.reason() !== null) return;
  const began = performance.now() - (context.facts.steps[index]?.wallMs ?? 0);
  const hasFailed = (): boolean => {
    const { code, signal } = context.facts.steps[index]?.exit ?? { code: null, signal: null };
    return signal !== null || (code ?? 0) !== 0;
  };
  const isGone = (): boolean => kind === 'outside' || hasFailed() || processesNow(context.group)?.length === 0;
  const givenUp = (): string | null => {
    if (context.stop.reason() !== null) return 'the run was ended';
    return isOver() && isGone() ? `the program has ended (${endingOf(context, index)})` : null;
  };
  const { error } = await waitFor(ready, { written: written.text, givenUp });
  if (error === null) record(context, index, { readyMs: performance.now() - began });
  else record(context, index, { error: `not ready: ${error}` });
}

function endingOf({ facts }: StepContext, index: number): string {
  const { code, signal } = facts.steps[index]?.exit ?? { code: null, signal: null };
  return signal ?? `exit ${code}`;
}

/**
 * Programs that the plan left running are ended when it is over: with their signal, then SIGKILL after the grace. True
 * if there were any.
 */
export async function endBackground(context: StepContext): Promise<boolean> {
  const left = [...context.background].filter(([, { isOver }]) => !isOver());
  for (const [index, { end, stop }] of left) {
    record(context, index, { stopped: true });
    end(stop);
    end('SIGCONT');
  }
  const ended = Promise.all([...context.background.values()].map((each) => each.ended));
  const grace = new AbortController();
  const late = sleep(context.facts.spec.graceMs, true, { signal: grace.signal }).catch(() => false);
  if ((await Promise.race([ended, late])) === true)
    for (const [, { end, isOver }] of left) if (!isOver()) end('SIGKILL');
  grace.abort();
  await ended;
  for (const [index, { stop }] of left) recordBadEnd(context, index, stop);
  return left.length > 0;
}

/** A server that was told to stop dies of that signal, or exits with its shell status or with 0. */
function recordBadEnd(context: StepContext, index: number, stop: NodeJS.Signals): void {
  const { facts } = context;
  const step = facts.steps[index];
  if (step === undefined || step.error !== null || context.stop.reason() !== null) return;
  const { code, signal } = step.exit;
  if (signal === 'SIGKILL' && stop !== 'SIGKILL')
    record(context, index, {
      error: `it did not end within ${formatDuration(facts.spec.graceMs)} of ${stop}, and was killed`,
    });
  else if (code !== null && code !== 0 && code !== statuses.signalBase + (signalNumber(stop) ?? 0))
    record(context, index, { error: `it ended with exit ${code} when it was stopped by ${stop}` });
}

/** The steps' output from now on, if the streams are captured. */
export type Written = Readonly<{
  /** The output so far, of both streams. */
  text: () => Promise<string>;
  /** Null if a stream is not captured. */
  end: () => Promise<Readonly<{ stdout: string | null; stderr: string | null }>>;
}>;

export async function watchWritten({ captures }: Pick<Streams, 'captures'>): Promise<Written> {
  const { stdout, stderr } = captures;
  // Output of earlier steps belongs to them.
  const drain = () => Promise.all([stdout?.drain(), stderr?.drain()]);
  await drain();
  const parts: Readonly<{ stdout: Part | null; stderr: Part | null }> = {
    stdout: stdout?.part() ?? null,
    stderr: stderr?.part() ?? null,
  };
  const textOf = (part: Part | null) => part?.text() ?? '';
  return {
    text: async () => {
      await drain();
      return `${textOf(parts.stdout)}\n${textOf(parts.stderr)}`;
    },
    end: async () => {
      await drain();
      parts.stdout?.letGo();
      parts.stderr?.letGo();
      return { stdout: parts.stdout?.text() ?? null, stderr: parts.stderr?.text() ?? null };
    },
  };
}
