/** Who receives a signal: the parts of a run, found among its processes. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Role } from './actions.ts';
import type { Plan } from './plan.ts';
import { isAlive, type Process, send, treeOf } from './processes.ts';

const OURS = /^(kmem-|node$|MainThread$|qemu-)/;

function partsOf(runner: number, role: Role, marked: readonly Process[]): readonly Process[] {
  const tree = treeOf(runner);
  const childrenOf = (parents: readonly Process[], name: string): readonly Process[] =>
    tree.filter(({ comm, parent }) => comm === name && parents.some(({ pid }) => pid === parent));
  const guardians = childrenOf(tree.slice(0, 1), 'kmem-guardian');
  const helpers = childrenOf(guardians, 'kmem-helper');
  switch (role) {
    case 'runner':
    case 'group':
      return tree.slice(0, 1);
    case 'helper':
      return helpers;
    case 'joiner':
      return childrenOf(helpers, 'kmem-helper');
    case 'guardian':
      return guardians;
    case 'reclaimer':
      return childrenOf(helpers, 'kmem-reclaimer');
    case 'qemu':
      return tree.filter(({ comm }) => comm.startsWith('qemu-'));
    case 'target':
    case 'targets':
      return marked.filter(({ comm, pid }) => pid !== runner && !OURS.test(comm));
  }
}

/**
 * Number of processes reached. `isOver`: whether the runner has ended; its pid may belong to another process by now.
 */
export async function sendSignals(
  plan: Plan,
  runner: number,
  isOver: () => boolean,
  marked: () => readonly Process[],
): Promise<number> {
  let count = 0;
  // Stopped processes are continued.
  let target: Process | undefined;
  const victimsOf = (role: Role): readonly Process[] => {
    const parts = partsOf(runner, role, marked());
    if (role !== 'target' || parts.length === 0) return parts;
    target ??= plan.draw.pick(parts);
    return [target].filter(isAlive);
  };
  for (const sent of plan.action.signals) {
    if (sent === 'pause') await sleep(plan.pauseMs);
    else {
      for (const role of plan.draw.shuffle(sent.roles)) {
        const isOfRunner = role === 'runner' || role === 'group';
        if (isOfRunner && isOver()) continue;
        const pids = victimsOf(role).map(({ pid }) => (role === 'group' ? -pid : pid));
        count += pids.filter((pid) => send(pid, sent.signal)).length;
      }
    }
  }
  return count;
}
