/** Who is struck: the parts of a run, found among its processes. */

import { setTimeout as sleep } from 'node:timers/promises';
import type { Role } from './actions.ts';
import type { Plan } from './plan.ts';
import { type Process, send, treeOf } from './processes.ts';

const OURS = /^(kmem-|node$|MainThread$|qemu-)/;

function partsOf(runner: number, role: Role, marked: readonly Process[]): readonly Process[] {
  const tree = treeOf(runner);
  const helpers = tree.filter(({ comm, parent }) => comm === 'kmem-helper' && parent === runner);
  switch (role) {
    case 'runner':
    case 'group':
      return tree.slice(0, 1);
    case 'helper':
      return helpers;
    case 'joiner':
      return tree.filter((process) => process.comm === 'kmem-helper' && !helpers.includes(process));
    case 'guardian':
    case 'reclaimer':
      return tree.filter(({ comm }) => comm === `kmem-${role}`);
    case 'qemu':
      return tree.filter(({ comm }) => comm.startsWith('qemu-'));
    case 'target':
    case 'targets':
      return marked.filter(({ comm, pid }) => pid !== runner && !OURS.test(comm));
  }
}

/** Of the victims of a role as many as the signal reached. */
function hit(runner: number, role: Role, signal: NodeJS.Signals, marked: readonly Process[], { draw }: Plan): number {
  const parts = partsOf(runner, role, marked);
  if (parts.length === 0) return 0;
  const victims = role === 'target' ? [draw.pick(parts)] : parts;
  return victims.filter(({ pid }) => send(role === 'group' ? -pid : pid, signal)).length;
}

/** How many processes were struck. `isOver`: whether the runner has ended, whose pid another process may have by now. */
export async function strike(
  plan: Plan,
  runner: number,
  isOver: () => boolean,
  marked: () => readonly Process[],
): Promise<number> {
  let count = 0;
  for (const blow of plan.action.blows) {
    if (blow === 'pause') await sleep(plan.pauseMs);
    else {
      for (const role of plan.draw.shuffle(blow.roles)) {
        const isOfRunner = role === 'runner' || role === 'group';
        if (!isOfRunner || !isOver()) count += hit(runner, role, blow.signal, marked(), plan);
      }
    }
  }
  return count;
}
