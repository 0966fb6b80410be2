/** Steps that run no program: requests, signals, waits. */

import { setTimeout as sleep } from 'node:timers/promises';
import { processesNow, processesOf, signalGroup, signalMember } from '../../cgroup/processes.ts';
import { readBounded } from '../../host/read-input.ts';
import { compileStepExpectation } from '../../request/expect.ts';
import type { HttpStep, SignalStep, WaitStep } from '../../request/run-spec.ts';
import type { Step } from '../../result/schema.ts';
import { ask, type HttpAnswer, pollUntil, waitFor } from './ready.ts';
import { type Background, beginOwnStep, record, type StepContext } from './record.ts';

/** The time limit for a request that is not retried, if the step sets none; others last as long as they are retried. */
const LONGEST_ANSWER_MS = 30_000;
const ASK_AGAIN_MS = 50;

type Action = HttpStep | SignalStep | WaitStep;
/** The outcome; `error` is null on success. */
type Done = Partial<Step> & Readonly<{ error: string | null }>;

export async function takeAction(context: StepContext, index: number, step: Action): Promise<void> {
  beginOwnStep(context, step);
  const began = performance.now();
  const done = await (step.kind === 'http'
    ? request(context, index, step)
    : step.kind === 'signal'
      ? send(context, step)
      : waitUntil(context, step));
  const exit = { code: done.error === null ? 0 : 1, signal: null };
  record(context, index, { exit, wallMs: performance.now() - began, ...done });
}

async function request({ stop }: StepContext, index: number, step: HttpStep): Promise<Done> {
  const expected = asExpected(step, index);
  const ended = new AbortController();
  void stop.happened.then(() => ended.abort());
  const answerMs = step.timeoutMs ?? (step.withinMs > 0 ? step.withinMs : LONGEST_ANSWER_MS);
  const signal = AbortSignal.any([ended.signal, AbortSignal.timeout(answerMs)]);
  const until = performance.now() + step.withinMs;
  let before: HttpAnswer | null = null;
  for (let attempts = 1; ; attempts += 1) {
    const latest = await ask(step, signal);
    // A try that is cut off says less than the previous answer.
    const answer: HttpAnswer = latest.status === null && signal.aborted ? (before ?? latest) : latest;
    const { status, body, error } = answer;
    const http = { status, body, attempts };
    before = answer;
    if (expected(answer, attempts)) return { error: null, http };
    if (performance.now() < until && !signal.aborted) {
      await sleep(ASK_AGAIN_MS);
      continue;
    }
    if (status === null) return { error: `no answer: ${error}`, http };
    return { error: status < 400 ? null : `answered ${status}`, http };
  }
}

/** Whether an answer is the expected one: it meets the step's expectations or, without any, has a status below 400. */
function asExpected({ expect }: HttpStep, index: number): (answer: HttpAnswer, attempts: number) => boolean {
  const ofAnswer = expect
    .map((expr) => compileStepExpectation(expr, index))
    .filter(({ path }) => path[2] === 'http' && path[3] !== 'attempts');
  return ({ status, body }, attempts) => {
    if (ofAnswer.length === 0) return status !== null && status < 400;
    const steps = Object.assign([], { [index]: { http: { status, body, attempts } } });
    return ofAnswer.every(({ evaluate }) => evaluate({ result: { steps }, stdout: null, stderr: null }).passed);
  };
}

async function send({ group, background }: StepContext, { signal, target }: SignalStep): Promise<Done> {
  // Node has no name for a signal with only a number (SIGRTMIN+3), but it is sent all the same.
  const name = signal as NodeJS.Signals;
  if (target.to === 'group') {
    return { error: signalGroup(group, name) > 0 ? null : 'the group contains no process' };
  }
  if (target.to === 'step') {
    const running = backgroundOf(background, target.step);
    if (running === undefined || running.isOver()) return { error: `${target.step} is no longer running` };
    running.signal(name);
    return { error: null };
  }
  const pid = pidIn(target.file);
  if (pid === null) return { error: `${target.file} contains no pid` };
  if (!processesOf(group).includes(pid)) return { error: `process ${pid} is not in the group` };
  return { error: signalMember(group, pid, name) ? null : `process ${pid} cannot be signalled` };
}

/** A number and a newline; some servers add a few more lines. */
const MOST_PIDFILE_BYTES = 64 * 1024;

function pidIn(file: string): number | null {
  try {
    return (
      Number(/^\s*([1-9][0-9]{0,8})\b/.exec(readBounded(file, MOST_PIDFILE_BYTES).toString())?.[1] ?? 'none') || null
    );
  } catch {
    return null;
  }
}

async function waitUntil(context: StepContext, { waiting }: WaitStep): Promise<Done> {
  const { stop, group, background, streams } = context;
  const givenUp = (): string | null => (stop.reason() === null ? null : 'the run was ended');
  switch (waiting.until) {
    case 'passed': {
      const over = new AbortController();
      void stop.happened.then(() => over.abort());
      await sleep(waiting.ms, undefined, { signal: over.signal }).catch(() => {});
      return { error: null };
    }
    case 'empty': {
      const look = async () => (processesNow(group)?.length === 0 ? null : 'the group is not empty');
      return { error: (await pollUntil(look, waiting.withinMs, givenUp)).error };
    }
    case 'step': {
      const running = backgroundOf(background, waiting.step);
      const look = async () => (running?.isOver() ? null : `${waiting.step} is still running`);
      return { error: (await pollUntil(look, waiting.withinMs, givenUp)).error };
    }
    default: {
      const { stdout, stderr } = streams.captures;
      const written = async () => {
        await Promise.all([stdout?.drain(), stderr?.drain()]);
        return `${stdout?.text() ?? ''}\n${stderr?.text() ?? ''}`;
      };
      return { error: (await waitFor(waiting, { written, givenUp })).error };
    }
  }
}

function backgroundOf(background: ReadonlyMap<number, Background>, name: string): Background | undefined {
  return [...background.values()].find((each) => each.name === name);
}
