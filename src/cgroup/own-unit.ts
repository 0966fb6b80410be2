/**
 * The subtree that systemd has handed to the unit which kmem-run runs in (Delegate=yes, systemd.resource-control(5)): the
 * manager keeps its hands off what is in there, and kills all of it with the unit.
 */

import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { basename } from 'node:path';
import { errnoOf } from '../errors.ts';
import { PROCS, tryControl } from './files.ts';
import { pidsIn } from './nested.ts';

/** Where kmem-run itself is then. */
const LEAF = 'runner';
/** Of systemd's to answer. */
const PATIENCE_MS = 5000;

/**
 * Makes room for a group in the runner's own cgroup, which has processes and thus hands no controllers down: kmem-run
 * moves itself to a leaf of it. Only where it is delegated, and nobody else is in it. False: it is as it was.
 */
export function moveToLeaf(own: string): boolean {
  if (!isAloneIn(own) || !isDelegated(own)) return false;
  const leaf = `${own}/${LEAF}`;
  try {
    mkdirSync(leaf);
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') return false;
  }
  return tryControl(`${leaf}/${PROCS}`, String(process.pid));
}

function isAloneIn(own: string): boolean {
  const pids = pidsIn(own);
  return pids.length === 1 && pids[0] === process.pid;
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
