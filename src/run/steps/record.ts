/** State shared by the steps of a run, and how a step is recorded. */

import type { Group } from '../../cgroup/types.ts';
import { lineOf } from '../../request/read-plan.ts';
import type { PlanStep } from '../../request/run-spec.ts';
import { formatSize } from '../../request/size.ts';
import type { Facts } from '../../result/facts.ts';
import type { Step } from '../../result/schema.ts';
import type { Accounts } from '../accounts.ts';
import type { RunPlan } from '../plan.ts';
import type { Stop } from '../stop.ts';
import type { Streams } from '../streams.ts';
import type { Supervisor } from '../supervisor.ts';
import type { GateSteps } from './handover.ts';

export type Clock = {
  /** Monotonic time in nanoseconds at which the first program in the group was released; null: not yet. */
  startNs: number | null;
  /** Steps that began before that. */
  early: Readonly<{ index: number; atNs: bigint }>[];
};

export type StepContext = Readonly<{
  facts: Facts;
  plan: RunPlan;
  stop: Stop;
  group: Group;
  supervisor: Supervisor;
  accounts: Accounts;
  streams: Streams;
  clock: Clock;
  gate: GateSteps;
  /** Steps that run in the background, by index. */
  background: Map<number, Background>;
  /** Called when a step begins. */
  onBegin: () => void;
  /** Called when a program in the group has been released. */
  onGo: () => void;
}>;

export type Background = Readonly<{
  name: string | null;
  inGroup: boolean;
  /** Signal that ends it after the last step. */
  stop: NodeJS.Signals;
  /** Signals the program alone, or everything it has started. */
  signal: (name: NodeJS.Signals) => void;
  end: (name: NodeJS.Signals) => void;
  ended: Promise<void>;
  isOver: () => boolean;
}>;

/** Milliseconds since the command was released; 0 before that. */
export function sinceStart({ startNs }: Clock): number {
  return startNs === null ? 0 : Number(process.hrtime.bigint() - BigInt(startNs)) / 1e6;
}

/** Begins a step of the runner itself. */
export function beginOwnStep(context: StepContext, step: PlanStep): void {
  const { facts, clock, onBegin } = context;
  onBegin();
  beginAccount(context);
  if (clock.startNs === null) clock.early.push({ index: facts.steps.length, atNs: process.hrtime.bigint() });
  facts.steps.push(begunStep(facts, step, sinceStart(clock)));
}

/**
 * What daemons do meanwhile is attributed to this step, unless a step of the group runs in the background: then to that
 * one.
 */
function beginAccount({ facts, clock, background, supervisor, accounts }: StepContext): void {
  const isGroupBusy = [...background.values()].some(({ inGroup, isOver }) => inGroup && !isOver());
  if (clock.startNs === null || isGroupBusy) return;
  accounts.begin(facts.steps.length);
  supervisor.beginOutside();
}

/** Time zero is now known: steps that began earlier have a negative time. */
export function startClock(context: Pick<StepContext, 'facts' | 'clock'>, startNs: number): void {
  const { clock } = context;
  clock.startNs ??= startNs;
  for (const { index, atNs } of clock.early.splice(0))
    record(context, index, { atMs: Number(atNs - BigInt(startNs)) / 1e6 });
}

/** The record of a step that is beginning. */
export function begunStep({ limitsNow }: Pick<Facts, 'limitsNow'>, step: PlanStep, atMs: number): Step {
  return {
    name: step.name,
    kind: step.kind,
    command: describeStep(step),
    background: 'background' in step && step.background,
    exit: { code: null, signal: null },
    atMs,
    wallMs: null,
    readyMs: null,
    failcnt: null,
    kmemMaxUsage: null,
    limits: limitsNow,
    kmemUsage: null,
    stopped: false,
    error: null,
    http: null,
    stdout: null,
    stderr: null,
  };
}

/** Adds to the record of a step. */
export function record({ facts }: Pick<StepContext, 'facts'>, index: number, changes: Partial<Step>): void {
  const step = facts.steps[index];
  if (step !== undefined) facts.steps[index] = { ...step, ...changes };
}

/** A line for people. */
export function describeStep(step: PlanStep): string {
  switch (step.kind) {
    case 'command':
    case 'outside':
      return lineOf(step.command);
    case 'http':
      return `${step.method} ${step.url}`;
    case 'signal':
      return `${step.signal} to ${describeTarget(step.target)}`;
    case 'limits':
      return `limits ${Object.entries(step.limits)
        .map(([key, value]) => `${key} ${value == null ? 'none' : key === 'pids' ? value : formatSize(value)}`)
        .join(', ')}`;
    case 'wait':
      return `wait ${describeWaiting(step.waiting)}`;
  }
}

function describeTarget(target: Extract<PlanStep, { kind: 'signal' }>['target']): string {
  if (target.to === 'group') return 'the group';
  return target.to === 'step' ? target.step : `the process in ${target.file}`;
}

function describeWaiting(waiting: Extract<PlanStep, { kind: 'wait' }>['waiting']): string {
  switch (waiting.until) {
    case 'passed':
      return `${waiting.ms} ms`;
    case 'step':
      return `for the end of ${waiting.step}`;
    case 'empty':
      return 'until the group is empty';
    case 'port':
      return `for ${waiting.host}:${waiting.port}`;
    case 'file':
      return `for ${waiting.file}`;
    case 'http':
      return `for ${waiting.url}`;
    case 'log':
      return `for /${waiting.pattern}/ in ${waiting.file ?? 'the output'}`;
  }
}
