/** The verdict of a run and the exit status that reports it. Pure: decided from the result's own keys. */

import { constants } from 'node:os';
import { signalNumber, exitStatus as statusOfExit } from '../host/exit-status.ts';
import type { Outcome, Result, Step } from './schema.ts';

export type OutcomeFacts = Pick<Result, 'error' | 'terminationReason' | 'expectations' | 'steps'> &
  Readonly<{ mem: Pick<Result['mem'], 'oomKills'> }>;

/** Statuses of `exitStatus` that are kmem-run's own, not the command's. */
export const statuses = {
  expectation: 122,
  oom: 123,
  timeout: 124,
  setupError: 125,
  notExecutable: 126,
  notFound: 127,
  signalBase: 128,
} as const;

/** Setup errors that have the shell's status for a command that cannot be started. */
const statusOfError: ReadonlyMap<string, number> = new Map([
  ['not-executable', statuses.notExecutable],
  ['command-not-found', statuses.notFound],
]);

/** In design order: setup-error > interrupted > timeout > oom > expectation > signaled > failed > passed. */
export function decideOutcome(facts: OutcomeFacts): Outcome {
  const { error, terminationReason, mem, expectations, steps } = facts;
  if (error !== null || isVoid(terminationReason)) return 'setup-error';
  if (terminationReason === 'interrupted') return 'interrupted';
  // A livelock never ends by itself: it is a timeout that is reported early.
  if (terminationReason === 'walltime' || terminationReason === 'livelock') return 'timeout';
  if (terminationReason === 'overrun' || (mem.oomKills ?? 0) > 0) return 'oom';
  // Nothing ran, and no reason is known: that must not read as a pass.
  if (steps.length === 0) return 'setup-error';
  if (hasExplicit(expectations)) return expectations.every(({ passed }) => passed) ? 'passed' : 'expectation';
  if (steps.some(({ exit, stopped }) => exit.signal !== null && !stopped)) return 'signaled';
  return steps.every(wentWell) ? 'passed' : 'failed';
}

export type StatusFacts = Pick<Result, 'outcome' | 'error' | 'expectations' | 'steps'>;

/**
 * The exit status of `kmem-run run`. Without explicit expectations it is that of the first step that did not exit 0; 123 if
 * all did although the OOM killer killed a process of the group.
 * `interruptSignal`: the signal that interrupted kmem-run; null (its parent went away) counts as SIGTERM.
 */
export function exitStatus(result: StatusFacts, interruptSignal: string | null = null): number {
  const { outcome, error, expectations, steps } = result;
  if (outcome === 'setup-error') return statusOfError.get(error?.code ?? '') ?? statuses.setupError;
  if (outcome === 'interrupted') return statuses.signalBase + numberOf(interruptSignal);
  if (outcome === 'timeout') return statuses.timeout;
  if (hasExplicit(expectations)) return expectations.every(({ passed }) => passed) ? 0 : statuses.expectation;
  const first = steps.find((step) => !wentWell(step));
  // A child was killed, and its parent exited 0 all the same.
  if (first === undefined) return outcome === 'oom' ? statuses.oom : 0;
  // If it exited with 0, it was too late or never ready. An end that was not observed is not a result of the command.
  return statusOfExit(first.exit) || (first.error === null ? statuses.setupError : 1);
}

/** A step that was stopped because the plan was over has done its job. */
function wentWell({ exit, stopped, error }: Step): boolean {
  return (exit.code === 0 || stopped) && error === null;
}

function numberOf(interruptSignal: string | null): number {
  return signalNumber(interruptSignal ?? 'SIGTERM') ?? constants.signals.SIGTERM;
}

/** The gate or the machine that enforced the limit died: what the program did afterwards proves nothing. */
function isVoid(reason: OutcomeFacts['terminationReason']): boolean {
  return reason === 'gate-lost' || reason === 'vm-lost';
}

// Implicit expectations alone add nothing to the exits, which distinguish a signal from an exit code.
function hasExplicit(expectations: Result['expectations']): boolean {
  return expectations.some(({ implicit }) => !implicit);
}
