/** Our BPF programs in the kernel that nobody holds any longer but that still exist. */

import { execFileSync } from 'node:child_process';
import { readdirSync, readlinkSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { compileFixture } from '../fixtures/compile.ts';
import { slowness } from '../needs.ts';
import { readOrEmpty } from '../processes.ts';

const OURS = /^kmem_/;
/** The kernel frees a program some time after its last descriptor is closed. */
const TIMEOUT_MS = 10_000 * slowness;

/** `17 kmem_mm_page_al`, ordered by number; includes those of live runs. */
export function programsOfOurs(): string[] {
  const lines = execFileSync(compileFixture('bpf-programs'), { encoding: 'utf8' }).split('\n');
  return lines.filter((line) => OURS.test(line.split(' ')[1] ?? ''));
}

/** Runs of other tests hold their own programs: these are excluded, by the descriptors of all processes. */
export async function programsLeft(): Promise<string[]> {
  const deadline = performance.now() + TIMEOUT_MS;
  for (;;) {
    const there = programsOfOurs();
    const held = there.length === 0 ? new Set() : programsHeld();
    const left = there.filter((line) => !held.has(line.split(' ')[0] ?? ''));
    if (left.length === 0 || performance.now() > deadline) return left;
    await sleep(20);
  }
}

function programsHeld(): Set<string> {
  const held = new Set<string>();
  for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
    for (const fd of descriptorsOf(pid)) {
      const id = /^prog_id:\s*(\d+)$/m.exec(readOrEmpty(`/proc/${pid}/fdinfo/${fd}`))?.[1];
      if (id !== undefined) held.add(id);
    }
  }
  return held;
}

function descriptorsOf(pid: string): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).filter((fd) => isOfBpf(`${folder}/${fd}`));
  } catch {
    return [];
  }
}

function isOfBpf(link: string): boolean {
  try {
    return readlinkSync(link).startsWith('anon_inode:bpf');
  } catch {
    return false;
  }
}
