/** What kernel memory consists of, as the helper's BPF programs recorded it: the rows of `--profile`. */

import { release } from 'node:os';
import { callName } from '../gate/call-names.ts';
import type { GateEvent, ProfilePart, ProfileTotals } from '../gate/protocol.ts';
import type { Profile, ProfileRow } from '../result/schema.ts';
import { createFrames, type Frames, namesFor, type UserNames, type UserStack } from './profile-frames.ts';
import { useOf } from './profile-kinds.ts';

export type ProfileLog = Readonly<{
  take: (event: GateEvent) => void;
  /** Reads the files that stacks lead through. Null: the helper sent no profile, or not all of it. */
  profile: () => Profile | null;
}>;

/** Further rows are only summed up. */
export const MOST_ROWS = 2000;

/** `kernel`: the release of the kernel that the helper runs on. */
export function createProfileLog(kernel: string = release()): ProfileLog {
  const parts: ProfilePart[] = [];
  let totals: ProfileTotals | null = null;
  return {
    take: (event) => {
      if (event.event === 'part') parts.push(event);
      else if (event.event === 'profile') totals = event;
    },
    profile: () => (totals === null ? null : profileOf(parts, totals, kernel)),
  };
}

type Amounts = Readonly<Record<'atPeak' | 'atEnd' | 'total', Readonly<{ objects: number; bytes: number }>>>;

function profileOf(parts: readonly ProfilePart[], totals: ProfileTotals, kernel: string): Profile {
  const sorted = parts.toSorted(largestFirst);
  const kept = sorted.slice(0, MOST_ROWS);
  const cut = sorted.slice(MOST_ROWS);
  const left: Amounts = sumOf([amountsCut(totals), ...cut.map(amountsOf)]);
  const all = sumOf([left, ...kept.map(amountsOf)]);
  const context = { release: kernel, frames: createFrames(), names: namesFor(kept.map(userStackOf)) };
  return {
    peak: {
      atMs: totals.peakAtNs === null ? null : totals.peakAtNs / 1e6,
      usage: totals.peakUsage,
      explained: all.atPeak.bytes,
    },
    end: { usage: totals.endUsage, explained: all.atEnd.bytes },
    rows: kept.map((part) => rowOf(part, context)),
    cut: { rows: totals.cutRows === null ? null : totals.cutRows + cut.length, ...left },
    frames: context.frames.all,
    untracked: totals.untracked,
    missed: totals.missed,
  };
}

function largestFirst(a: ProfilePart, b: ProfilePart): number {
  return b.peakBytes - a.peakBytes || b.endBytes - a.endBytes || b.bytes - a.bytes || compareText(textOf(a), textOf(b));
}

/** The order of equal rows must not depend on that of the helper's table. */
function textOf({ allocator, cache, comm, call, kernel, user }: ProfilePart): string {
  return [allocator, cache, comm, call, kernel, user].join('\n');
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

function amountsOf(part: ProfilePart): Amounts {
  return {
    atPeak: { objects: part.peakObjects, bytes: part.peakBytes },
    atEnd: { objects: part.endObjects, bytes: part.endBytes },
    total: { objects: part.objects, bytes: part.bytes },
  };
}

function amountsCut(totals: ProfileTotals): Amounts {
  return {
    atPeak: { objects: totals.cutPeakObjects, bytes: totals.cutPeakBytes },
    atEnd: { objects: totals.cutEndObjects, bytes: totals.cutEndBytes },
    total: { objects: totals.cutObjects, bytes: totals.cutBytes },
  };
}

function sumOf(list: readonly Amounts[]): Amounts {
  const sum = (key: keyof Amounts) => ({
    objects: list.reduce((total, amounts) => total + amounts[key].objects, 0),
    bytes: list.reduce((total, amounts) => total + amounts[key].bytes, 0),
  });
  return { atPeak: sum('atPeak'), atEnd: sum('atEnd'), total: sum('total') };
}

type Context = Readonly<{ release: string; frames: Frames; names: UserNames }>;

function rowOf(part: ProfilePart, { release, frames, names }: Context): ProfileRow {
  const kernel = withoutTracing(part.kernel?.split(' ') ?? []);
  const { kind, cache, size, comm, call } = part;
  const { what, allocator, isCounted } = useOf({ kind, cache, allocator: part.allocator, kernel }, release);
  return {
    ...{ kind, what, allocator, cache, size, comm },
    origin: call >= 0 ? 'call' : call === IN_FAULT ? 'fault' : 'other',
    call: callName(call),
    isCounted: isCounted && part.unseen === 0,
    ...amountsOf(part),
    kernel: kernel.map((name) => frames.indexOf({ function: name, file: null, offset: null })),
    user: names(userStackOf(part)).map(frames.indexOf),
  };
}

const IN_FAULT = -1;

function userStackOf({ user, call }: ProfilePart): UserStack {
  return { lines: user?.split('\n') ?? [], isInFault: call === IN_FAULT };
}

/** Frames of the programs that record the stack. */
const TRACING = /^(?:bpf_prog_|bpf_trace_|bpf_trampoline_|__bpf_trace_|__traceiter_|0x)/;

function withoutTracing(stack: readonly string[]): readonly string[] {
  const named = stack.filter((name) => name !== '');
  const first = named.findIndex((name) => !TRACING.test(name));
  return first < 0 ? [] : named.slice(first);
}
