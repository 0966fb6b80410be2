/**
 * The subtree that systemd has handed to the unit which kmem-run runs in (Delegate=yes, systemd.resource-control(5)): the
 * manager keeps its hands off what is in there, and kills all of it with the unit.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import { errnoOf } from '../errors.ts';
import { PROCS, readOrNull, tryControl } from './files.ts';
import { pidsIn } from './nested.ts';

/** Where kmem-run itself is then. */
const LEAF = 'runner';
/** Of systemd's to answer. */
const PATIENCE_MS = 5000;

/** Looks at what is left: a helper that is just starting may have forked. */
const ROUNDS = 5;

/**
 * Makes room for a group in the runner's own cgroup, which has processes and thus hands no controllers down: kmem-run
 * moves itself and its helpers to a leaf of it. Only where it is delegated, and nobody else is in it. False: it has
 * processes still.
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
    // One that has just ended cannot be moved, and need not be.
    for (const pid of left.filter(isOurs)) tryControl(`${leaf}/${PROCS}`, String(pid));
  }
  return false;
}

/** This process, or one that it has started, directly or by way of others. */
function isOurs(pid: number): boolean {
  for (let at = pid; at > 1; at = parentOf(at)) if (at === process.pid) return true;
  return false;
}

/** 0: it is gone. */
function parentOf(pid: number): number {
  return Number(/^PPid:\t(\d+)$/m.exec(readOrNull(`/proc/${pid}/status`) ?? '')?.[1] ?? 0);
}

/** As the manager says: what it marks the directory with is not marked by a user's manager. */
function isDelegated(own: string): boolean {
  const unit = basename(own);
  if (!/\.(scope|service)$/.test(unit) || !existsSync('/run/systemd/system')) return false;
  const manager = /\/user@\d+\.service\//.test(own) ? ['--user'] : [];
  try {
    const words = [...manager, 'show', '--property=Delegate', '--value', '--', unit];
    const answer = execFileSync('systemctl', words, { timeout: PATIENCE_MS, stdio: ['ignore', 'pipe', 'ignore'] });
    return answer.toString().trim() === 'yes';
  } catch {
    return false;
  }
}
