/** Which of the recorded calls are made to fail. */

import { basename } from 'node:path';
import type { RecordedCall } from '../../gate/recording.ts';
import { type OwnNames, scrub } from './scrub.ts';

/** A call that is the same in both recordings. */
export type Call = Readonly<{
  address: string;
  syscall: string;
  /** The name of its executable, otherwise of its process; null: neither could be read. */
  program: string | null;
  /** What its process calls itself. */
  comm: string | null;
  detail: string | null;
}>;

export type Recording = Readonly<{ calls: readonly RecordedCall[]; names: OwnNames }>;

export type ListedCalls = Readonly<{
  /** In the order in which they were made. */
  calls: readonly Call[];
  /** Calls of either recording that are not in the other at that address, or that have no address. */
  unstable: number;
}>;

/** What starts the command: its calls are not the program's, and it may outlive a command that ends at once. */
export const LAUNCHER = 'kmem-helper';

export function stableCalls(first: Recording, second: Recording): ListedCalls {
  const [ours, theirs] = [first, second].map(programCalls);
  const others = new Map(
    (theirs ?? []).flatMap((call) => (call.address === null ? [] : [[call.address, call] as const])),
  );
  const calls = (ours ?? []).flatMap((call): Call[] => {
    const other = call.address === null ? undefined : others.get(call.address);
    if (call.address === null || other === undefined || programOf(other) !== programOf(call)) return [];
    const { address, syscall, comm } = call;
    return [
      {
        address,
        syscall,
        comm,
        program: programOf(call),
        detail: call.detail === null ? null : scrub(call.detail, first.names),
      },
    ];
  });
  const most = Math.max(ours?.length ?? 0, theirs?.length ?? 0);
  return { calls, unstable: most - calls.length };
}

/** Threads and workers rename themselves freely, at varying moments; their executable stays the same. */
function programOf({ exe, comm }: RecordedCall): string | null {
  return exe == null ? comm : basename(exe);
}

function programCalls({ calls }: Recording): RecordedCall[] {
  return calls
    .filter(({ comm, answer }) => comm !== LAUNCHER && answer === 'continue')
    .toSorted((a, b) => a.atMs - b.atMs);
}

export type Wish = Readonly<{
  /** System calls; null: all. */
  only: readonly string[] | null;
  /** Names of programs; null: all. */
  within: readonly string[] | null;
  all: boolean;
  /** Null: no limit. */
  limit: number | null;
}>;

export type Selection = Readonly<{
  chosen: readonly Call[];
  /** Calls that the wish selects; those not chosen are duplicates, or beyond the limit. */
  wanted: number;
  duplicates: number;
  beyondLimit: number;
}>;

/** Number of calls tried of each kind: the first, a middle one and the last. */
export const SAMPLE = 3;

/** The first of each kind comes first, so that a limit leaves out the calls most like the others. */
export function select(calls: readonly Call[], { only, within, all, limit }: Wish): Selection {
  const wanted = calls.filter(
    ({ syscall, comm, program }) =>
      (only === null || only.includes(syscall)) &&
      (within === null || within.includes(program ?? '') || within.includes(comm ?? '')),
  );
  const kinds = [...Map.groupBy(wanted, kindOf).values()].map((same) => (all ? same : sampled(same)));
  const rounds = Math.max(0, ...kinds.map((same) => same.length));
  const kept = Array.from({ length: rounds }, (_, round) => kinds.flatMap((same) => same[round] ?? [])).flat();
  const chosen = kept.slice(0, limit ?? kept.length);
  return {
    chosen,
    wanted: wanted.length,
    duplicates: wanted.length - kept.length,
    beyondLimit: kept.length - chosen.length,
  };
}

/** Program, call and object. Numbers in a path are mostly pids and counters; elsewhere they are sizes. */
export function kindOf({ program, syscall, detail }: Call): string {
  const object = detail?.startsWith('/') || detail?.startsWith('<dir>') ? detail.replace(/\d+/g, '#') : detail;
  return JSON.stringify([program, syscall, object]);
}

function sampled<T>(same: readonly T[]): readonly T[] {
  if (same.length <= SAMPLE) return same;
  const last = same.length - 1;
  return [0, last, Math.floor(last / 2)].flatMap((at) => same[at] ?? []);
}
