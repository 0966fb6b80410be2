/** Finds processes of a run by name while it is running. */

import { readdirSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { slowness } from '../needs.ts';
import { commOf, readOrEmpty, supervisorsOf } from '../processes.ts';

const TIMEOUT_MS = 20_000 * slowness;
const EVERY_MS = 10;

/** Resolves with the pid of the first descendant with that name, once it exists. */
export async function descendant(pid: number, comm: string): Promise<number> {
  let found: number | undefined;
  await untilSo(() => {
    found = descendants(pid).find((each) => commOf(each) === comm);
    return found !== undefined;
  }, `${comm} was never seen`);
  return found as number;
}

/** The same for the supervisor. */
export async function supervisorOf(runner: number): Promise<number> {
  await untilSo(() => supervisorsOf(runner).length > 0, 'the supervisor was never seen');
  return supervisorsOf(runner)[0] as number;
}

/** Polls until the condition holds; throws with that message if it never does. */
export async function untilSo(condition: () => boolean, message: string): Promise<void> {
  const deadline = performance.now() + TIMEOUT_MS;
  while (!condition()) {
    if (performance.now() > deadline) throw new Error(message);
    await sleep(EVERY_MS);
  }
}

function descendants(pid: number): number[] {
  const children = tasksOf(pid).flatMap((task) => readOrEmpty(`/proc/${pid}/task/${task}/children`).split(' '));
  const direct = children.filter((word) => word !== '').map(Number);
  return [...direct, ...direct.flatMap(descendants)];
}

function tasksOf(pid: number): string[] {
  try {
    return readdirSync(`/proc/${pid}/task`);
  } catch {
    return [];
  }
}
