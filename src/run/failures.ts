import { callName } from '../gate/call-names.ts';
import {
  errnoName,
  type GateCrash,
  type GateEvent,
  type GateFailure,
  type GateFault,
  type GateInjection,
} from '../gate/protocol.ts';
import type { GateSummary } from '../gate/summary.ts';
import { signalName } from '../host/exit-status.ts';
import { UNWATCHED } from '../result/notes.ts';
import { isRefusal } from '../result/summary.ts';
import { counted } from '../text/figures.ts';
import { outsideAllocator } from './kernel-stack.ts';

export type ObservedFailure = {
  atMs: number;
  pid: number | null;
  tid: number;
  comm: string | null;
  exe: string | null;
  syscall: string | null;
  detail: string | null;
  usage: number | null;
  errno: string | null;
  step: number | null;
  address: string | null;
  injected: boolean;
  handled: boolean;
  fault: ObservedFault | null;
  denial: ObservedDenial | null;
  allocation: ObservedAllocation | null;
};

export type ObservedAllocation = {
  bytes: number;
  kind: 'object' | 'pages';
  function: string | null;
  stack: readonly string[];
};

export type ObservedDenial = { need: number; reserve: number; room: number; table: boolean };

export type ObservedFault = { address: string | null; bytes: number; signal: string };

export type ObservedCount = { comm: string | null; syscall: string | null; errno: string | null; count: number };

export type ObservedCrash = { atMs: number; pid: number; comm: string | null; signal: string; step: number | null };

export type ObservedOrphan = {
  atMs: number;
  pid: number;
  comm: string | null;
  exit: { code: number | null; signal: string | null };
};

/** The first of them. */
const MOST_ORPHANS = 100;

type Unwatched = Extract<GateEvent, { event: 'unwatched' }>;

export type ObservedEscape = {
  atMs: number;
  pid: number;
  comm: string;
  /** Null, like `by`: unknown. */
  born: boolean | null;
  by: number | null;
  to: string | null;
  step: number | null;
};

export type FailureLog = Readonly<{
  take: (event: GateEvent) => void;
  failures: readonly ObservedFailure[];
  counts: readonly ObservedCount[];
  /** Outcomes of the requested failures, in order; empty until the helper reports them. */
  injections: readonly GateInjection[];
  /** Processes that died of a signal such as SIGSEGV. */
  crashes: readonly ObservedCrash[];
  /** Orphaned processes that ended with a status other than 0. */
  orphans: readonly ObservedOrphan[];
  summary: () => GateSummary | null;
  /** Other observations of the helper for the result, one sentence each. */
  notices: () => readonly string[];
  /** Processes that left the group, in order: the first 100. */
  escapes: readonly ObservedEscape[];
  /** A move that no BPF program observed. */
  takeSeen: (seen: ObservedEscape) => void;
  /** False once the helper has reported that no BPF program watches moves. */
  areMovesWatched: () => boolean;
  /** Denials so far, as last reported. */
  denials: () => number;
}>;

/** Collects the denied calls that the helper reports: at most 1,000 in full, and counts for all. */
export function createFailureLog(): FailureLog {
  const failures: ObservedFailure[] = [];
  const counts: ObservedCount[] = [];
  const injections: GateInjection[] = [];
  const crashes: ObservedCrash[] = [];
  const orphans: ObservedOrphan[] = [];
  const notices: string[] = [];
  const escapes: ObservedEscape[] = [];
  const unwatched: Unwatched[] = [];
  const moves = new Set<string>();
  let summary: GateSummary | null = null;
  let denials = 0;
  let listed = 0;
  const takeFailure = (failure: ObservedFailure): void => {
    failures.push(failure);
    if (!failure.handled && !isRefusal(failure)) listed += 1;
    denials = Math.max(denials, listed);
  };
  const takeMove = (event: Extract<GateEvent, { event: 'move' }>): void => {
    const sentence = moveSentence(event);
    // A process that goes to and fro is named once.
    if (moves.size < MOST_ORPHANS && !moves.has(sentence)) notices.push(sentence);
    moves.add(sentence);
    const { atNs, pid, comm, born, by, to, step } = event;
    if (event.kind === 'left' && escapes.length < MOST_ORPHANS)
      escapes.push({ atMs: atNs / 1e6, pid, comm, born: born === 1, by, to, step });
  };
  return {
    take: (event) => {
      if (event.event === 'failure') {
        takeFailure(observed(event));
      } else if (event.event === 'fault') {
        takeFailure(observedFault(event));
      } else if (event.event === 'count') counts.push(countOf(event));
      else if (event.event === 'injection') injections.push(event);
      else if (event.event === 'crash') crashes.push(crashOf(event));
      else if (event.event === 'orphan-ended') {
        if (orphans.length < MOST_ORPHANS) orphans.push(orphanOf(event));
      } else if (event.event === 'notice') notices.push(sentenceOf(event));
      else if (event.event === 'unattributed') notices.push(unattributedSentence(event.errno));
      else if (event.event === 'unwatched') unwatched.push(event);
      else if (event.event === 'move') takeMove(event);
      else if (event.event === 'counter-lost') notices.push(COUNTER_LOST);
      else if (event.event === 'livelock') notices.push(livelockSentence(event));
      else if (event.event === 'totals') denials = event.denials;
      else if (event.event === 'summary') summary = event;
    },
    failures,
    counts,
    injections,
    crashes,
    orphans,
    notices: () => (unwatched.length === 0 ? notices : [...notices, unwatchedSentence(unwatched)]),
    escapes,
    takeSeen: (seen) => {
      notices.push(outsideSentence(seen.comm, seen.pid));
      if (escapes.length < MOST_ORPHANS) escapes.push(seen);
    },
    areMovesWatched: () => !unwatched.some(({ what }) => what === 'moves'),
    summary: () => summary,
    denials: () => summary?.denials ?? denials,
  };
}

function observed(event: GateFailure): ObservedFailure {
  const { atNs, pid, tid, comm, syscall, detail, usage, step } = event;
  return {
    atMs: atNs / 1e6,
    pid,
    tid,
    comm: known(comm),
    exe: event.exe,
    syscall,
    detail,
    usage,
    errno: errnoOf(event),
    step,
    address: event.address,
    injected: event.injected === 1,
    handled: event.handled === 1,
    fault: null,
    denial: denialOf(event),
    allocation: allocationOf(event),
  };
}

/** Null if it was injected, or if the limit is the kernel's own. */
function denialOf({ need, reserve, room, table }: GateFailure): ObservedDenial | null {
  return need == null || reserve == null || room == null ? null : { need, reserve, room, table: table === 1 };
}

/** Null if no program of ours refused it. */
function allocationOf({ bytes, isObject, stack }: GateFailure): ObservedAllocation | null {
  if (bytes === undefined) return null;
  const frames = outsideAllocator(stack?.split(' ') ?? []);
  return { bytes, kind: isObject === 1 ? 'object' : 'pages', function: frames[0] ?? null, stack: frames };
}

/** A fault fails no call: it ends in a signal. */
function observedFault(event: GateFault): ObservedFailure {
  const { atNs, pid, tid, comm, exe, call, at, bytes, usage, signal, step } = event;
  return {
    atMs: atNs / 1e6,
    pid,
    tid,
    comm: known(comm),
    exe,
    syscall: callName(call),
    detail: 'page fault',
    usage,
    errno: null,
    step,
    address: null,
    injected: false,
    handled: false,
    fault: { address: at, bytes, signal: signalName(signal) },
    denial: null,
    allocation: null,
  };
}

function countOf({ comm, syscall, errno, faultIn, count }: Extract<GateEvent, { event: 'count' }>): ObservedCount {
  if (syscall === null) return { comm: known(comm), syscall: callName(faultIn ?? -1), errno: null, count };
  return { comm: known(comm), syscall, errno: errnoOf({ syscall, errno }), count };
}

function crashOf({ atNs, pid, comm, signal, step }: GateCrash): ObservedCrash {
  return { atMs: atNs / 1e6, pid, comm, signal: signalName(signal), step };
}

function orphanOf({ atNs, pid, comm, code, signal }: Extract<GateEvent, { event: 'orphan-ended' }>): ObservedOrphan {
  return {
    atMs: atNs / 1e6,
    pid,
    comm: known(comm),
    exit: { code, signal: signal === null ? null : signalName(signal) },
  };
}

/** brk fails without an errno: it returns the old break. */
function errnoOf({ syscall, errno, handled }: { syscall: string; errno: number; handled?: number }): string | null {
  return syscall === 'brk' || handled === 1 ? null : errnoName(errno);
}

function sentenceOf({ kind, object, comm }: Extract<GateEvent, { event: 'notice' }>): string {
  const who = comm ?? 'a process';
  switch (kind) {
    case 'moves':
      return `${who} opened ${object} for writing and may have left the group: its calls are still gated, but allocations elsewhere are not counted`;
    case 'service':
      return `${who} used ${object}: work that the service does for the process runs outside the group`;
    case 'listener':
      return `${who} requested a seccomp listener, but one is already installed: the kernel returns EBUSY`;
    case 'tracer':
      return `${who} traces processes: system calls that the gate answers are not seen by a tracer's seccomp filter`;
    default:
      return `${who}: ${kind} ${object}`;
  }
}

const WATCHED = {
  faults: 'page faults over the limit',
  moves: 'tasks that leave the group',
  readings: 'exact usage on cgroup v2',
} as const;

/** On cgroup v2 the sum covers the group and up to 15 groups below it, as long as none of them is removed. */
const SUM_LOST = "a group below the run's group was removed, or there are too many such groups";

/** One sentence: the reason is usually the same for all. */
function unwatchedSentence(events: readonly Unwatched[]): string {
  const reasons = Map.groupBy(events, ({ errno }) => errno);
  const lists = [...reasons].map(
    ([errno, list]) =>
      `${list.map(({ what }) => WATCHED[what]).join(', ')} (${errno === 0 ? SUM_LOST : `bpf(2): ${errnoName(errno)}`})`,
  );
  return `${UNWATCHED}: ${lists.join('; ')}`;
}

const COUNTER_LOST =
  "the group's kernel memory could no longer be read (was the group removed?): from then on no gated call was answered";

function moveSentence({ comm, pid, kind, born }: Extract<GateEvent, { event: 'move' }>): string {
  const who = `${comm} (pid ${pid})`;
  if (kind === 'entered') return `${who} ${born === 1 ? 'was started in' : 'was moved into'} the group from outside`;
  return `${who} ${born === 1 ? 'was started outside' : 'left'} the group: what it allocates there is neither limited nor counted`;
}

function outsideSentence(comm: string, pid: number): string {
  return `${comm} (pid ${pid}) was seen outside the group: what it allocates there is neither limited nor counted`;
}

function unattributedSentence(errno: number): string {
  const why = errno === 0 ? 'there is no unified hierarchy to identify its tasks by' : `bpf(2): ${errnoName(errno)}`;
  return `it is unknown which calls failed (${why}): failcnt counts refused charges, and a livelock at the limit is not detected (use --timeout)`;
}

function livelockSentence({ pid, tid, comm, refusals, forNs }: Extract<GateEvent, { event: 'livelock' }>): string {
  const who = `${comm ?? 'a process'} (${pid ?? tid})`;
  return `${who} was stuck in a page fault: the kmem limit refused it a page table ${counted(refusals, 'time')} in ${(forNs / 1e9).toFixed(1)} s, and the kernel retries such a fault for ever`;
}

function known(comm: string): string | null {
  return comm === '?' ? null : comm;
}
