/**
 * Which process made a file or folder that is only for a while, as a part of its name: so that gc can tell what was left
 * by a process that was killed. A pid alone may be another process's by now, or another container's.
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
    // proc_pid_stat(5) counts from 1, and the third follows the last parenthesis.
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  } catch {
    return null;
  }
}

let own;

/** What stands for this process in a name; something that makes the name unique is to follow. */
export function makerMark() {
  if (own === undefined) {
    own = `${placeOfPids()}-${Number(readlinkSync('/proc/self')).toString(36)}-${startOf('self').toString(36)}-`;
  }

  return own;
}

/** Whether the process that made what has this name lives; `unknown`: in another container or boot; null: no mark. */
export function makerOf(name) {
  const [, place, pid, start] = MARK.exec(name) ?? [];
  if (place === undefined) return null;
  if (place !== placeOfPids()) return 'unknown';
  return startOf(Number.parseInt(pid, 36)) === Number.parseInt(start, 36) ? 'alive' : 'gone';
}
