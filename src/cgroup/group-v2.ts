import { existsSync } from 'node:fs';
import { errnoOf, SetupError } from '../errors.ts';
import { handDown, handsDown, moveToLeaf, type Refusal, whyNotJoinable } from './delegate.ts';
import { joinLeaf, runLeaf, v1 } from './files.ts';
import { hintWithoutRoot } from './hints.ts';
import { askForWritable, readSurroundings } from './surroundings.ts';
import type { Hierarchy } from './types.ts';

export type V2Request = Readonly<{
  name: string;
  /** Directories to try. */
  candidates: readonly string[];
  hierarchy: Hierarchy;
  /** Whether to limit processes. */
  pids: boolean;
}>;

export type V2Directories = Readonly<{
  memory: string;
  /** Null: the pids controller is not handed down to here. */
  pids: string | null;
  /** Why not, if it was requested. */
  lacking: Refusal | null;
}>;

/**
 * Creates the group and its leaves with `make`, which creates one directory.
 * @throws SetupError `no-permission`, `read-only-cgroup`, `group-not-made`.
 */
export function makeV2(request: V2Request, make: (path: string) => void): V2Directories {
  const within = makeInFirst(request, make);
  const memory = `${within}/${request.name}`;
  const lacking = handPidsDown(request, within, memory);
  make(joinLeaf(memory));
  make(runLeaf(memory));
  const run = runLeaf(memory);
  return { memory, pids: existsSync(`${run}/${v1.pids.limit}`) ? run : null, lacking };
}

/** The directory in which the group could be created. */
function makeInFirst({ name, candidates, hierarchy }: V2Request, make: (path: string) => void): string {
  const refusals: Refusal[] = [];
  for (const directory of candidates) {
    const refusal = whyNotJoinable(directory, hierarchy) ?? whyNotMemory(directory, hierarchy);
    if (refusal !== null) refusals.push(refusal);
    else {
      try {
        make(`${directory}/${name}`);
        return directory;
      } catch (error) {
        refusals.push(notMade(directory, error));
      }
    }
  }
  throw noPlace(refusals, { hierarchy, within: candidates[0] ?? hierarchy.mountPoint });
}

function whyNotMemory(directory: string, { own, mountPoint }: Hierarchy): Refusal | null {
  const refusal = handDown(directory, 'memory', mountPoint);
  if (refusal?.errno !== 'EBUSY' || directory !== own || !moveToLeaf(own)) return refusal;
  return handDown(directory, 'memory', mountPoint);
}

/**
 * If the group has the pids controller, hands it down to its leaves; the parent cgroup is asked for it only if
 * necessary.
 */
function handPidsDown({ pids, hierarchy }: V2Request, within: string, group: string): Refusal | null {
  const refusal = pids ? handDown(within, 'pids', hierarchy.mountPoint) : null;
  return refusal ?? (handsDown(within, 'pids') ? handDown(group, 'pids', within) : null);
}

function notMade(directory: string, cause: unknown): Refusal {
  const errno = errnoOf(cause) ?? 'unknown error';
  // Created by another run with the same id: no other place is any better.
  if (errno === 'EEXIST') throw new SetupError('group-not-made', cannotMake(directory, errno), SEE_DOCTOR, { cause });
  return { reason: cannotMake(directory, errno), errno };
}

type Sought = Readonly<{ hierarchy: Hierarchy; within: string }>;

function noPlace(refusals: readonly Refusal[], sought: Sought): SetupError {
  // The nearest for each cause: those above are refused for the same.
  const nearest = refusals.filter(({ errno }, index) => refusals.findIndex((one) => one.errno === errno) === index);
  const message = `cannot create a control group: ${nearest.map(({ reason }) => reason).join('; ')}`;
  const met = (...errnos: string[]) => refusals.find(({ errno }) => errnos.includes(errno)) ?? null;
  if (met('EROFS') !== null) return new SetupError('read-only-cgroup', message, hintForReadOnly(sought.hierarchy));
  const busy = met('EBUSY');
  if (met('EACCES', 'EPERM') !== null) {
    // The runner's own cgroup is this user's, and only the processes in it are in the way.
    const own = refusals[0] === busy && busy?.remedy !== undefined ? `${busy.remedy}; or ` : '';
    return new SetupError('no-permission', message, own + hintWithoutRoot(sought.hierarchy, sought.within));
  }
  return new SetupError('group-not-made', message, busy?.remedy ?? SEE_DOCTOR);
}

export function hintForReadOnly({ mountPoint }: Hierarchy): string {
  const here = `mount it writable: mount -o remount,rw,bind ${mountPoint}`;
  const engine = askForWritable(readSurroundings());
  return `${engine === null ? here : `${engine}, or, if allowed, ${here}`}; or ${ELSEWHERE}`;
}

export function cannotMake(directory: string, errno: string): string {
  return `cannot create a control group in ${directory} (${errno})`;
}

export const ELSEWHERE = 'choose a directory of that hierarchy that you own: --parent DIR';
const SEE_DOCTOR = `run kmem-run doctor, or ${ELSEWHERE}`;
