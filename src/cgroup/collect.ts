import { existsSync, lstatSync, readdirSync } from 'node:fs';
import { basename } from 'node:path';
import { SetupError } from '../errors.ts';
import { findGroups, type Leftover, type Scope } from './leftovers.ts';
import { isForsaken, type LockFolder, lockCandidates, openLockFolders, removeLock } from './lock.ts';
import { describe, type Process, processesOf } from './processes.ts';
import { removeGroup } from './remove.ts';
import type { Hierarchies } from './types.ts';

export type LockState = 'free' | 'held' | 'absent';

/** Tries the flock(2) of each path; the native helper does it, since Node cannot. */
export type ProbeLocks = (paths: readonly string[]) => Promise<ReadonlyMap<string, LockState>>;

export type CollectOptions = Readonly<{
  /** Also remove groups whose lock is absent. Never groups whose lock is held. */
  force?: boolean;
  /** Dry run: only report what would be removed. */
  dryRun?: boolean;
}> &
  Scope;

export type Fate = Readonly<{
  /**
   * `removed`: its runner was gone. `removable`: likewise, but a dry run removes nothing. `held`: its runner is alive,
   * left alone. `unjudged`: left alone too, since there is no lock to judge by (perhaps a run of another mount
   * namespace). `failed`: it could not be removed, see `error`.
   */
  fate: 'removed' | 'removable' | 'held' | 'unjudged' | 'failed';
  leftover: Leftover;
  /** Present now or earlier. */
  processes: readonly Process[];
  /** Null unless it failed. */
  error: SetupError | null;
}>;

export type Collected = Readonly<{
  groups: readonly Fate[];
  /** Names of lock files without a group that were removed, or would be. */
  locks: readonly string[];
}>;

/** A lock file without a group may belong to a run that is just starting, unless its maker is known to be gone. */
const YOUNGEST_ORPHAN_MS = 60_000;
/** Its maker writes to it at once: an empty file lost its maker in between. */
const YOUNGEST_EMPTY_MS = 2000;

/**
 * Kills and removes the groups whose runner is gone, and their lock files. Throws no SetupError for a group that
 * resists: its fate reports that.
 */
export async function collectLeftovers(
  hierarchies: Hierarchies,
  probeLocks: ProbeLocks,
  { force = false, dryRun = false, within = 'all', parent = null }: CollectOptions = {},
): Promise<Collected> {
  const folders = new Map<number, LockFolder[]>();
  const foldersOf = (uid: number): LockFolder[] => {
    const opened = folders.get(uid) ?? openLockFolders(uid);
    folders.set(uid, opened);
    return opened;
  };
  try {
    const found = findGroups(hierarchies, { within, parent }).map((leftover) => ({
      leftover,
      locks: leftover.uid === null ? [] : lockCandidates(leftover.id, foldersOf(leftover.uid)),
    }));
    const taken = found.flatMap(({ locks }) => locks);
    const orphans = within === 'all' ? orphanLocks(foldersOf(userId()), new Set(taken)) : [];
    const states = await probeLocks([...taken, ...orphans]);
    const groups: Fate[] = [];
    let whole: Leftover[] | null = null;
    for (const { leftover, locks } of found) {
      const state = stateOf(locks, states);
      // Removing the lock removes the proof that the run is dead: then all its directories go too, wherever they are.
      if (within === 'own' && state === 'free') whole ??= findGroups(hierarchies);
      const entire = whole?.find(({ id, uid }) => id === leftover.id && uid === leftover.uid) ?? leftover;
      const fate = await decide(entire, locks, { state, force, dryRun });
      if (fate !== null) groups.push(fate);
    }
    const free = orphans.filter((path) => states.get(path) === 'free');
    // Between the two looks, its runner may have created its group and been killed: the group needs its lock.
    const late = new Set(
      free.length === 0 ? [] : findGroups(hierarchies, { within, parent }).map(({ id }) => `${id}.lock`),
    );
    const locks = free.filter((path) => !late.has(basename(path)));
    if (!dryRun) for (const path of locks) removeLock(path);
    return { groups, locks: locks.map((path) => basename(path)) };
  } finally {
    for (const { close } of [...folders.values()].flat()) close();
  }
}

type Judgement = Readonly<{ state: LockState; force: boolean; dryRun: boolean }>;

async function decide(
  leftover: Leftover,
  locks: readonly string[],
  { state, force, dryRun }: Judgement,
): Promise<Fate | null> {
  // A run that ended meanwhile removed its own directories and lock.
  if (!leftover.directories.some((directory) => existsSync(directory))) return null;
  const processes = processesOf(leftover).flatMap((pid) => describe(pid) ?? []);
  const fate = (name: Fate['fate'], error: SetupError | null = null): Fate => ({
    fate: name,
    leftover,
    processes,
    error,
  });
  if (state === 'held') return fate('held');
  if (state === 'absent' && !force) return fate('unjudged');
  if (dryRun) return fate('removable');
  try {
    await removeGroup(leftover);
    for (const path of locks) removeLock(path);
    return fate('removed');
  } catch (error) {
    if (error instanceof SetupError) return fate('failed', error);
    throw error;
  }
}

/** One held lock is enough to leave a group alone, and so is a path for which the prober reported nothing. */
function stateOf(locks: readonly string[], states: ReadonlyMap<string, LockState>): LockState {
  const found = locks.map((path) => states.get(path) ?? 'held');
  if (found.includes('held')) return 'held';
  return found.includes('free') ? 'free' : 'absent';
}

/** Our own lock files without a group, left by a runner that was killed before it created one. */
function orphanLocks([folder]: readonly LockFolder[], known: ReadonlySet<string>): string[] {
  if (folder === undefined) return [];
  return lockNames(folder.of('.'))
    .map(folder.of)
    .filter((path) => !known.has(path) && (isForsaken(path) || isOld(path)));
}

function lockNames(directory: string): string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith('.lock'));
  } catch {
    return [];
  }
}

function isOld(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat !== undefined && Date.now() - stat.mtimeMs > (stat.size === 0 ? YOUNGEST_EMPTY_MS : YOUNGEST_ORPHAN_MS);
}

function userId(): number {
  return process.geteuid?.() ?? 0;
}
