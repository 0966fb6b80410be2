/** What /proc says about a process; empty if it has exited. */

import { readFileSync } from 'node:fs';

export function childrenOf(pid: number): number[] {
  return readOrEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
}

/** The supervisors of a runner, children of its guardians. */
export function supervisorsOf(runner: number): number[] {
  return guardiansOf(runner).flatMap(childrenNamed('kmem-helper'));
}

/** Before it forks, a guardian has the helper's name. */
export function guardiansOf(runner: number): number[] {
  return [...childrenNamed('kmem-guardian')(runner), ...childrenNamed('kmem-helper')(runner)];
}

function childrenNamed(comm: string): (pid: number) => number[] {
  return (pid) => childrenOf(pid).filter((child) => commOf(child) === comm);
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
