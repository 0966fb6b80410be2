/** What /proc reports about all processes visible here. */

import { readdirSync } from 'node:fs';
import { readOrEmpty } from '../processes.ts';

/** `start`: ticks since the boot; distinguishes a process from a later one with the same pid. */
export type Process = Readonly<{
  pid: number;
  comm: string;
  state: string;
  parent: number;
  group: number;
  start: string;
}>;

/** Null: gone. */
export function readProcess(pid: number): Process | null {
  const stat = readOrEmpty(`/proc/${pid}/stat`);
  const end = stat.lastIndexOf(')');
  if (end === -1) return null;
  const fields = stat.slice(end + 2).split(' ');
  const [state = '', parent, group] = fields;
  const comm = stat.slice(stat.indexOf('(') + 1, end);
  return { pid, comm, state, parent: Number(parent), group: Number(group), start: fields[19] ?? '' };
}

export function allProcesses(): readonly Process[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => readProcess(Number(name)) ?? []);
}

/** A process and all its descendants. */
export function treeOf(root: number, table: readonly Process[] = allProcesses()): readonly Process[] {
  const found = table.filter(({ pid }) => pid === root);
  // The list grows during iteration.
  for (const { pid } of found) found.push(...table.filter(({ parent }) => parent === pid));
  return found;
}

/**
 * The processes in a table that inherited a variable, wherever they moved to. Environments of others are read only
 * once.
 */
export function findMarked(variable: string): (table: readonly Process[]) => readonly Process[] {
  const others = new Set<string>();
  return (table) =>
    table.filter(({ pid, start }) => {
      if (others.has(`${pid} ${start}`)) return false;
      const environment = readOrEmpty(`/proc/${pid}/environ`);
      const isMarked = environment.split('\0').includes(variable);
      // During an execve there is no environment to read.
      if (!isMarked && environment !== '') others.add(`${pid} ${start}`);
      return isMarked;
    });
}

export function isAlive(process: Process): boolean {
  const now = readProcess(process.pid);
  return now !== null && now.start === process.start && !'ZX'.includes(now.state);
}

/** `kmem-helper keep (31, S, child of 1)`. */
export function describe({ pid, comm }: Process): string {
  const now = readProcess(pid);
  const [, ...words] = readOrEmpty(`/proc/${pid}/cmdline`).split('\0');
  const command = [comm, ...words].join(' ').trim().slice(0, LONGEST_COMMAND);
  return `${command} (${pid}${now === null ? '' : `, ${now.state}, child of ${now.parent}`})`;
}

const LONGEST_COMMAND = 60;

/** True if there was such a process. */
export function send(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(pid, signal);
    return true;
  } catch {
    return false;
  }
}
