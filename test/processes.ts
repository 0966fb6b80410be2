/** What /proc says of a process; empty where it is gone. */

import { readFileSync } from 'node:fs';

export function childrenOf(pid: number): number[] {
  return readOrEmpty(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean).map(Number);
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
