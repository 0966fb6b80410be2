/**
 * The mark of a process in the names of its temporary files and folders, by which gc finds what a killed process left.
 * A pid alone is not enough: another process may have it by now, or one in another container.
 */

import { readFileSync, readlinkSync } from 'node:fs';

const MARK = /(?:^|[.-])([0-9a-z]{5})-([0-9a-z]+)-([0-9a-z]+)-[0-9A-Za-z]+$/;

/** Where pids mean the same: this boot, and this pid namespace. */
function placeOfPids() {
  const text = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1') + readlinkSync('/proc/self/ns/pid');
  let hash = 0;
  for (const character of text) hash = (hash * 31 + character.charCodeAt(0)) % 36 ** 5;
  return hash.toString(36).padStart(5, '0');
}

/** When a process started, in ticks since boot; null: it is gone. */
function startOf(pid) {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // proc_pid_stat(5) counts fields from 1, and the third follows the last parenthesis.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return null;
  }
}

let own;

/** The mark of this process, to begin a name with; append something that makes the name unique. */
export function makerMark() {
  if (own === undefined) {
    own = `${placeOfPids()}-${Number(readlinkSync('/proc/self')).toString(36)}-${startOf('self').toString(36)}-`;
  }

  return own;
}

/**
 * Whether the process that made the entry with this name is alive; `unknown`: it is in another container or boot; null:
 * no mark.
 */
export function makerOf(name) {
  const [, place, pid, start] = MARK.exec(name) ?? [];
  if (place === undefined) return null;
  if (place !== placeOfPids()) return 'unknown';
  return startOf(Number.parseInt(pid, 36)) === Number.parseInt(start, 36) ? 'alive' : 'gone';
}
