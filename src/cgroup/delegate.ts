/**
 * Where a group can be made on cgroup v2. A cgroup that has processes hands no controllers down to its children ("no
 * internal processes", cgroup-v2.rst), and the runner's own cgroup contains the runner. No process is moved to change
 * that: the group is created beside the runner's cgroup, in the nearest ancestor that hands the memory controller down
 * or can be made to.
 */

import { execFileSync } from 'node:child_process';
import { closeSync, constants, existsSync, mkdirSync, openSync } from 'node:fs';
import { basename, posix } from 'node:path';
import { errnoOf } from '../errors.ts';
import { readOrNull } from '../host/read-file.ts';
import { PROCS, tryControl, v2, writeControl } from './files.ts';
import { isWithin } from './hierarchies.ts';
import { pidsIn } from './nested.ts';
import { parentOf } from './processes.ts';
import type { Hierarchy } from './types.ts';

export type Controller = 'memory' | 'pids';

/** Does this cgroup hand the controller down to those in it? */
export function handsDown(directory: string, controller: Controller): boolean {
  return wordsOf(`${directory}/${v2.subtreeControl}`).includes(controller);
}

/** Does this cgroup have the controller, so that it could hand it down? */
function hasController(directory: string, controller: Controller): boolean {
  return wordsOf(`${directory}/${v2.controllers}`).includes(controller);
}

export type Refusal = Readonly<{
  reason: string;
  errno: string;
  /** How to fix it; absent: that depends. */
  remedy?: string;
}>;

/** Makes a cgroup hand the controller down, its ancestors first, as far as `top`; null if it does. */
export function handDown(directory: string, controller: Controller, top: string): Refusal | null {
  if (handsDown(directory, controller)) return null;
  if (!hasController(directory, controller)) {
    if (directory === top || !isWithin(directory, top))
      return { reason: `${directory} has no ${controller} controller to delegate`, errno: 'ENOENT' };
    const refusal = handDown(posix.dirname(directory), controller, top);
    if (refusal !== null) return refusal;
  }
  try {
    writeControl(`${directory}/${v2.subtreeControl}`, `+${controller}`);
    return null;
  } catch (error) {
    const errno = errnoOf(error) ?? 'unknown error';
    const reason = `${directory} cannot delegate the ${controller} controller`;
    if (errno === 'EACCES' || errno === 'EPERM')
      return { reason: `${reason} (${errno})`, errno, remedy: handingDown(directory, controller) };
    if (errno !== 'EBUSY') return { reason: `${reason} (${errno})`, errno };
    return { reason: `${reason}, because it has processes (${errno})`, errno, remedy: emptying(directory) };
  }
}

function handingDown(directory: string, controller: Controller): string {
  return `delegate it: sudo sh -c 'echo +${controller} >${directory}/${v2.subtreeControl}'`;
}

function emptying(directory: string): string {
  const inner = `${directory}/init`;
  return `move them into a cgroup of their own: mkdir ${inner} && xargs -rn1 <${directory}/${PROCS} >${inner}/${PROCS}`;
}

/** The cgroup itself, its parent, and so on up to the mount point. */
export function above(directory: string, mountPoint: string): string[] {
  const found = [directory];
  for (let at = directory; at !== mountPoint && isWithin(at, mountPoint); ) {
    at = posix.dirname(at);
    found.push(at);
  }
  return found;
}

/**
 * On v2 only a user who may write the `cgroup.procs` of the common ancestor of both cgroups can move a process: a group
 * that can be created but not joined is useless. Null: it can be joined. Source: cgroup-v2.rst, "Delegation
 * Containment".
 */
export function whyNotJoinable(directory: string, hierarchy: Hierarchy | null): Refusal | null {
  let ancestor = directory;
  const from = hierarchy?.own ?? hierarchy?.mountPoint ?? directory;
  while (!isWithin(from, ancestor)) ancestor = posix.dirname(ancestor);
  try {
    // Not access(2), which checks the real user.
    closeSync(openSync(`${ancestor}/${PROCS}`, constants.O_WRONLY));
    return null;
  } catch (error) {
    const errno = errnoOf(error) ?? 'unknown error';
    return { reason: `kmem-run cannot move processes from its own cgroup to one in ${directory} (${errno})`, errno };
  }
}

function wordsOf(path: string): string[] {
  return (readOrNull(path) ?? '').split(/\s+/);
}

/** The leaf for kmem-run itself. */
const LEAF = 'runner';

/** Of systemd's to answer. */
const TIMEOUT_MS = 5000;

/** Each checks what is left: a helper that is just starting may have forked. */
const ROUNDS = 5;

/**
 * Makes room for a group in the runner's own cgroup, which has processes and thus hands no controllers down: kmem-run
 * moves itself and its helpers to a leaf of it. Only if it is delegated and contains no other processes. False: it
 * still has processes.
 */
export function moveToLeaf(own: string): boolean {
  if (!pidsIn(own).every(isOurs) || !isDelegated(own)) return false;
  const leaf = `${own}/${LEAF}`;
  try {
    mkdirSync(leaf);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') return false;
  }
  for (let round = 0; round < ROUNDS; round += 1) {
    const left = pidsIn(own);
    if (left.length === 0) return true;
    // A process that has just exited cannot be moved, and need not be.
    for (const pid of left.filter(isOurs)) tryControl(`${leaf}/${PROCS}`, String(pid));
  }
  return false;
}

/** This process, or one that it has started, directly or indirectly. */
function isOurs(pid: number): boolean {
  for (let at: number | null = pid; at !== null && at > 1; at = parentOf(at)) if (at === process.pid) return true;
  return false;
}

/** According to the manager: a user's manager does not set the mark that systemd sets on the directory. */
function isDelegated(own: string): boolean {
  const unit = basename(own);
  if (!/\.(scope|service)$/.test(unit) || !existsSync('/run/systemd/system')) return false;
  const manager = /\/user@\d+\.service\//.test(own) ? ['--user'] : [];
  try {
    const words = [...manager, 'show', '--property=Delegate', '--value', '--', unit];
    const answer = execFileSync('systemctl', words, { timeout: TIMEOUT_MS, stdio: ['ignore', 'pipe', 'ignore'] });
    return answer.toString().trim() === 'yes';
  } catch {
    return false;
  }
}
