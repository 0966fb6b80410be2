/** A run's group: created, limited and removed while empty. */

import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { tryControl, v1, v2 } from '../cgroup/files.ts';
import { createGroup } from '../cgroup/group.ts';
import { openLock } from '../cgroup/lock.ts';
import { removeGroup } from '../cgroup/remove.ts';
import type { Group } from '../cgroup/types.ts';
import { newId } from '../host/new-id.ts';
import { headline } from '../result/headline.ts';
import { setupErrorOf } from '../run/setup-errors.ts';
import { shortSize } from '../text/figures.ts';
import type { Bench } from './bench.ts';
import { type Check, missing, note, ok, refused } from './check.ts';
import { helper, hierarchies } from './machine.ts';
import { OUTSIDE } from './remedies.ts';

/**
 * Creates a group, uses it and removes it, all in one turn of the event loop, so that no signal intervenes; if this
 * process is killed meanwhile, the lock file tells gc that the group may be removed.
 */
export async function withGroup<T>(
  bench: Bench,
  { pids }: Readonly<{ pids: boolean }>,
  use: (group: Group) => T,
): Promise<T> {
  const id = newId();
  const made = openLock(id);
  let group: Group | null = null;
  try {
    group = createGroup({ id, hierarchies: bench.hierarchies(), parent: bench.parent, pids });
    try {
      return use(group);
    } finally {
      await removeGroup(group);
    }
  } finally {
    made.release(group);
  }
}

export const lock: Check = {
  name: 'lock',
  remedy: 'make the folder of lock files yours and writable, with free space',
  probe: () => {
    const made = openLock(newId());
    made.release();
    return ok(`made and removed in ${dirname(made.path)}`);
  },
};

export const group: Check = {
  name: 'group',
  needs: [hierarchies, lock],
  remedy: 'run as root, or choose a directory of the memory hierarchy that you own: --parent DIR',
  probe: (bench) =>
    withGroup(bench, { pids: false }, ({ directories }) =>
      ok(`made and removed in ${placesOf(directories).join(' and ')}`),
    ),
};

/** The directories it was created in; on v2 it has subdirectories. */
function placesOf(directories: readonly string[]): string[] {
  return directories.map((directory) => dirname(directory)).filter((place) => !directories.includes(place));
}

export const control: Check = {
  name: 'kill-freeze',
  needs: [group],
  remedy: 'use Linux 5.14 or newer with the unified hierarchy mounted',
  probe: (bench) =>
    withGroup(bench, { pids: false }, ({ unified }) => {
      if (unified === null) return note('no unified hierarchy to join: leftover processes are killed one by one');
      const lacking = [
        ...(tryControl(`${unified}/${v2.kill}`, '1') ? [] : [v2.kill]),
        ...(tryControl(`${unified}/${v2.freeze}`, '1') && holds(`${unified}/${v2.freeze}`, '1') ? [] : [v2.freeze]),
      ];
      if (lacking.length === 0) return ok(`${v2.kill} and ${v2.freeze} work`);
      return note(`${lacking.join(' and ')} cannot be used: leftover processes are killed one by one`);
    }),
};

function holds(path: string, text: string): boolean {
  return readFileSync(path, 'latin1').trim() === text;
}

export const start: Check = {
  name: 'start',
  needs: [helper, group],
  remedy: OUTSIDE,
  probe: async (bench) => {
    const { result } = await bench.trial();
    if (result.outcome === 'passed') return ok('a program joins the group, starts and ends there');
    return missing(`a program that does nothing does not pass: ${headline(result)}`);
  },
};

export const randomisation: Check = {
  name: 'randomisation',
  needs: [start],
  remedy: 'use --aslr',
  probe: async (bench) => {
    const { randomised } = await bench.trial();
    return randomised === null ? ok('address-space randomisation can be turned off') : refused('missing', randomised);
  },
};

export const counter: Check = {
  name: 'counter',
  needs: [start],
  remedy: 'boot without cgroup.memory=nokmem',
  probe: async (bench) => {
    const { maxUsage } = (await bench.trial()).result.kmem;
    if (maxUsage !== null && maxUsage > 0)
      return ok(`kernel memory is counted: ${shortSize(maxUsage)} for a program that does nothing`);
    const isV2 = bench.hierarchies().memory?.version === 2;
    // A sum that lacks a part is not printed but reported as by a run.
    const stage = isV2 && maxUsage === null ? 'not-told' : 'not-accounted';
    const subject = isV2 ? v2.stat : v1.kmem.usage;
    return refused('missing', setupErrorOf({ event: 'setup-error', stage, errno: 0, subject }, ''));
  },
};
