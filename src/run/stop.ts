import { statSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { killGroup } from '../cgroup/kill.ts';
import { processesNow, processesOf, signalGroup, signalMember } from '../cgroup/processes.ts';
import type { Group } from '../cgroup/types.ts';
import type { TerminationReason } from '../result/schema.ts';
import type { Capture } from './capture.ts';

const LOOK_EVERY_MS = 10;

/** Why kmem-run ends a run. The first cause wins. */
export type Stop = Readonly<{
  reason: () => TerminationReason | null;
  end: (reason: TerminationReason) => void;
  /** A signal arrived: it ends the run, or only its stay (see untilLeft). */
  interrupt: (signal: string | null) => void;
  /** From now on Ctrl-C is the user's normal way to end the run: resolves then. */
  untilLeft: () => Promise<void>;
  /** A second interrupt: the grace is over. */
  kill: () => void;
  mustKill: () => boolean;
  /** The run is over by its own rule: from now on only losing the gate changes its result. */
  complete: () => void;
  /** Resolves with the reason as soon as there is one. */
  happened: Promise<TerminationReason>;
}>;

export function createStop(): Stop {
  let reason: TerminationReason | null = null;
  let killing = false;
  let isComplete = false;
  let leave: (() => void) | null = null;
  const { promise, resolve } = Promise.withResolvers<TerminationReason>();
  const end = (cause: TerminationReason): void => {
    if (isComplete && cause !== 'gate-lost') return;
    reason ??= cause;
    resolve(reason);
  };
  return {
    reason: () => reason,
    end,
    interrupt: (signal) => {
      if (leave !== null && signal === 'SIGINT') leave();
      else end('interrupted');
    },
    untilLeft: () => {
      const left = Promise.withResolvers<void>();
      leave = left.resolve;
      return left.promise;
    },
    kill: () => {
      killing = true;
    },
    mustKill: () => killing,
    complete: () => {
      isComplete = true;
    },
    happened: promise,
  };
}

const SAME_SIGNAL_MS = 500;

/** A program of ours was lost. Ctrl-C goes to the whole process group, and may arrive here a little later. */
export async function untilInterrupted({ happened }: Pick<Stop, 'happened'>): Promise<void> {
  await Promise.race([happened, sleep(SAME_SIGNAL_MS)]);
}

/**
 * SIGTERM to the group, SIGKILL to what is left after the grace. A stopped process is continued so that it gets the
 * signal.
 */
export async function endGroup(group: Group, graceMs: number, mustKill: () => boolean): Promise<void> {
  const deadline = performance.now() + graceMs;
  signalGroup(group, 'SIGTERM');
  signalGroup(group, 'SIGCONT');
  while (performance.now() < deadline && !mustKill() && processesNow(group)?.length !== 0) await sleep(LOOK_EVERY_MS);
  await killGroup(group);
}

export async function untilEmpty(group: Group, isOver: () => boolean): Promise<void> {
  while (!isOver() && processesNow(group)?.length !== 0) await sleep(LOOK_EVERY_MS);
}

/** Signals what a pipe would have told the writers itself: nobody reads any more. */
export function passOnBrokenPipe(group: Group, captures: readonly (Capture | null)[]): void {
  for (const capture of captures) {
    if (capture === null || !capture.isBroken()) continue;
    for (const pid of processesOf(group)) if (writesTo(pid, capture)) signalMember(group, pid, 'SIGPIPE');
  }
}

function writesTo(pid: number, { identity }: Capture): boolean {
  return [1, 2].some((fd) => {
    const stat = statSync(`/proc/${pid}/fd/${fd}`, { throwIfNoEntry: false });
    return stat !== undefined && stat.ino === identity.ino && stat.dev === identity.dev;
  });
}
