import { mkdirSync, readFileSync, rmdirSync } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { v1, writeControl } from './files.ts';
import { cannotMake as cannotMakeIn, ELSEWHERE, hintForReadOnly, makeV2 } from './group-v2.ts';
import { hintForMemoryAndPids, hintForPids, hintWithoutRoot } from './hints.ts';
import { findPlaces, type Places } from './place.ts';
import type { Group, Hierarchies, Hierarchy } from './types.ts';
import { groupName } from './types.ts';

export type GroupRequest = Readonly<{
  id: string;
  hierarchies: Hierarchies;
  /** Absolute directory of the memory hierarchy under which the group is created; null: the runner's own cgroup. */
  parent: string | null;
  /** The group must be in a pids hierarchy too, for a limit on processes. */
  pids: boolean;
}>;

/**
 * Creates the run's directories: in the memory hierarchy, in the unified one if it can be joined, and in pids if
 * requested. On v2 they are a single directory with two leaves.
 * @throws SetupError with nothing left behind: `no-permission`, `read-only-cgroup`, `no-pids-controller`,
 * `group-not-made`, and those of findPlaces().
 */
export function createGroup({ id, hierarchies, parent, pids }: GroupRequest): Group {
  const name = groupName(id);
  const places = findPlaces(hierarchies, parent);
  const made: string[] = [];
  const make: Make = (path) => {
    // Controllers may share a hierarchy (a mount with "memory,pids"): one directory serves both.
    if (made.includes(path)) return path;
    mkdirSync(path);
    made.push(path);
    return path;
  };
  const request = { name, places, hierarchies, pids, named: parent !== null };
  try {
    const directories = places.version === 2 ? makeUnified(request, make) : makeSeparate(request, make);
    const { version } = places;
    const kmem = version === 1 ? directories.memory : null;
    return Object.freeze({ id, name, version, kmem, ...directories, directories: Object.freeze(made) });
  } catch (error) {
    undo(made);
    throw error;
  }
}

/** `named`: the memory directory was named. */
type MakeRequest = Readonly<{ name: string; places: Places; hierarchies: Hierarchies; pids: boolean; named: boolean }>;
type GroupPaths = Pick<Group, 'memory' | 'unified' | 'pids'>;

function makeSeparate({ name, places, hierarchies, pids, named }: MakeRequest, make: Make): GroupPaths {
  const make1: Make = (directory) => make(`${directory}/${name}`);
  const memory = makeMemory(places, hierarchies.memory, make1);
  const unified = makeFirst(places.unified, make1);
  const hint: HintOf = (directory) =>
    named ? hintForPids(directory) : hintForMemoryAndPids(places.memory[0] ?? '', directory);
  return { memory, unified: unified.path, pids: pids ? makePids(places, hierarchies.pids, hint, make1) : null };
}

function makeUnified({ name, places, hierarchies, pids: asked }: MakeRequest, make: Make): GroupPaths {
  if (hierarchies.memory === null) throw new RangeError('no memory hierarchy');
  const request = { name, candidates: places.memory, hierarchy: hierarchies.memory, pids: asked };
  const { memory, pids, lacking } = makeV2(request, make);
  if (pids !== null || !asked) return { memory, unified: memory, pids };
  // Some machines have pids on v1 beside memory on v2.
  const beside = makeFirst(places.pids, (directory) => make(`${directory}/${name}`));
  if (beside.path !== null) return { memory, unified: memory, pids: beside.path };
  const reason = lacking?.reason ?? 'there is no pids controller';
  throw new SetupError(
    'no-pids-controller',
    `--pids cannot be enforced: ${reason}`,
    lacking?.remedy === undefined ? 'leave out --pids' : `${lacking.remedy}; or leave out --pids`,
  );
}

function undo(made: readonly string[]): void {
  for (const directory of made.toReversed()) {
    try {
      rmdirSync(directory);
    } catch {
      // The first error is the one to report; gc finds what is left.
    }
  }
}

type Make = (directory: string) => string;

function makeMemory({ memory: [memory = ''] }: Places, hierarchy: Hierarchy | null, make: Make): string {
  let path: string;
  try {
    path = make(memory);
  } catch (error) {
    throw cannotMake(memory, hierarchy, error);
  }
  includeNested(path);
  return path;
}

/** Before 5.11 limits do not apply to nested groups unless this is set, which must be done before any exist. */
function includeNested(memory: string): void {
  const path = `${memory}/${v1.useHierarchy}`;
  try {
    if (readFileSync(path, 'latin1').trim() === '0') writeControl(path, '1');
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return;
    throw new SetupError(
      'group-not-made',
      `nested groups would escape the limit: ${path} cannot be set to 1 (${errnoOf(error) ?? 'unknown error'})`,
      'create the group elsewhere: --parent DIR',
      { cause: error },
    );
  }
}

function makePids({ pids }: Places, hierarchy: Hierarchy | null, hint: HintOf, make: Make): string {
  const { path, error } = makeFirst(pids, make);
  if (path !== null) return path;
  if (error !== null) throw cannotMake(pids[0] ?? '', hierarchy, error, hint);
  throw new SetupError(
    'no-pids-controller',
    '--pids cannot be enforced: kmem-run finds no pids hierarchy (cgroup v1)',
    'leave out --pids, or mount it: mkdir -p /sys/fs/cgroup/pids && mount -t cgroup -o pids cgroup /sys/fs/cgroup/pids',
  );
}

/** The first place where a group can be created; otherwise the last error. */
function makeFirst(directories: readonly string[], make: Make): { path: string | null; error: unknown } {
  let last: unknown = null;
  for (const directory of directories) {
    try {
      return { path: make(directory), error: null };
    } catch (error) {
      last = error;
    }
  }
  return { path: null, error: last };
}

type HintOf = (directory: string) => string;

function cannotMake(directory: string, hierarchy: Hierarchy | null, cause: unknown, owned?: HintOf): SetupError {
  const errno = errnoOf(cause) ?? 'unknown error';
  const reason = cannotMakeIn(directory, errno);
  const refusal = (code: string, hint: string) => new SetupError(code, reason, hint, { cause });
  if (hierarchy !== null && (errno === 'EACCES' || errno === 'EPERM'))
    return refusal('no-permission', owned?.(directory) ?? hintWithoutRoot(hierarchy, directory));
  if (hierarchy !== null && errno === 'EROFS') return refusal('read-only-cgroup', hintForReadOnly(hierarchy));
  return refusal('group-not-made', `run kmem-run doctor, or ${ELSEWHERE}`);
}
