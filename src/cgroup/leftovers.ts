import { readdirSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import { above } from './delegate.ts';
import { sameCgroup } from './hierarchies.ts';
import { nestedGroups } from './nested.ts';
import type { GroupDirectories, Hierarchies, Hierarchy } from './types.ts';
import { groupName, idOf } from './types.ts';

/** A run's directories as found in the hierarchies: of a live run, or left behind by one. */
export type Leftover = GroupDirectories &
  Readonly<{
    /** Owner of the directories, whose runner created them; null: gone since. */
    uid: number | null;
  }>;

/**
 * Every run's directories in the mounted hierarchies, by run. Those of one run belong to one user: another user's
 * directories with the same name belong to another run, and their lock says nothing about this one. `within: 'own'`
 * searches only the runner's own cgroups, where a run creates its group by default, and `parent` and its counterparts:
 * a listing each instead of a walk. The result may then contain only some of a run's directories.
 */
export function findGroups(hierarchies: Hierarchies, { within = 'all', parent = null }: Scope = {}): Leftover[] {
  const found = new Map<string, FoundGroup>();
  for (const kind of ['memory', 'unified', 'pids'] as const) {
    const places =
      within === 'all'
        ? everywhere(hierarchies[kind])
        : [...ownPlaces(hierarchies[kind], kind === 'memory'), ...likePlaces(hierarchies, kind, parent)];
    for (const directory of new Set(places)) {
      const id = idOf(basename(directory));
      if (id === null) continue;
      const uid = ownerOf(directory);
      const run = `${id} ${uid}`;
      const group = found.get(run) ?? { id, uid, memory: null, unified: null, pids: null, directories: new Set() };
      group[kind] ??= directory;
      group.directories.add(directory);
      found.set(run, group);
    }
  }
  return [...found.values()].map(toLeftover);
}

/** `parent`: a directory of the memory hierarchy; it need not exist. */
export type Scope = Readonly<{ within?: 'all' | 'own'; parent?: string | null }>;

type FoundGroup = Pick<Leftover, 'id' | 'uid'> &
  Record<'memory' | 'unified' | 'pids', string | null> &
  Readonly<{ directories: Set<string> }>;

function toLeftover({ id, uid, memory, unified, pids, directories }: FoundGroup): Leftover {
  return { id, name: groupName(id), memory, unified, pids, directories: [...directories], uid };
}

function everywhere(hierarchy: Hierarchy | null): string[] {
  return hierarchy === null ? [] : nestedGroups(hierarchy.mountPoint);
}

/** On v2 a group is created above the runner's own cgroup, too. */
function ownPlaces(hierarchy: Hierarchy | null, isMemory: boolean): string[] {
  if (hierarchy === null || hierarchy.own === null) return [];
  const { own, mountPoint, version } = hierarchy;
  const places = version === 2 && isMemory ? above(own, mountPoint) : [own];
  return places.flatMap((directory) => listed(directory).map((name) => `${directory}/${name}`));
}

function likePlaces(hierarchies: Hierarchies, kind: 'memory' | 'unified' | 'pids', parent: string | null): string[] {
  const { memory, [kind]: to } = hierarchies;
  if (parent === null || memory === null || to === null) return [];
  const like = sameCgroup(parent, memory, to);
  return like === null ? [] : listed(like).map((name) => `${like}/${name}`);
}

function listed(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function ownerOf(directory: string): number | null {
  return statSync(directory, { throwIfNoEntry: false })?.uid ?? null;
}
