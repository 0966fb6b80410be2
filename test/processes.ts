/** What /proc says about a process; empty if it has exited. */

import { readFileSync } from 'node:fs';

export function childrenOf(pid: number): number[] {
  return readOrEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

export function descendantsOf(pid: number): number[] {
  const children = childrenOf(pid);
  return [...children, ...children.flatMap(descendantsOf)];
}

/** The supervisors of a runner, children of its guardians. */
export function supervisorsOf(runner: number): number[] {
  return guardiansOf(runner).flatMap((guardian) => childrenNamed(guardian, 'kmem-helper'));
}

/** Before it forks, a guardian has the helper's name: each name is read once, so that it is not missed in between. */
export function guardiansOf(runner: number): number[] {
  return childrenNamed(runner, 'kmem-guardian', 'kmem-helper');
}

function childrenNamed(pid: number, ...names: readonly string[]): number[] {
  return childrenOf(pid).filter((child) => names.includes(commOf(child)));
}

export function commOf(pid: number): string {
  return readOrEmpty(`/proc/${pid}/comm`).trim();
}

export function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}
