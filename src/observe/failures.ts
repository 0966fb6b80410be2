import { errnoName, type GateEvent, type GateFailure, type GateSummary } from '../gate/protocol.ts';

export type ObservedFailure = {
  atMs: number;
  pid: number | null;
  tid: number;
  comm: string | null;
  syscall: string;
  detail: string | null;
  usage: number | null;
  errno: string | null;
  step: number | null;
  address: null;
};

export type ObservedCount = { comm: string | null; syscall: string; errno: string | null; count: number };

export type FailureLog = Readonly<{
  take: (event: GateEvent) => void;
  failures: readonly ObservedFailure[];
  counts: readonly ObservedCount[];
  summary: () => GateSummary | null;
  /** Denials up to now, as last told. */
  denials: () => number;
}>;

/** Collects what the helper tells of denied calls. The helper bounds it: 1,000 in full, counts for all. */
export function createFailureLog(): FailureLog {
  const failures: ObservedFailure[] = [];
  const counts: ObservedCount[] = [];
  let summary: GateSummary | null = null;
  let denials = 0;
  return {
    take: (event) => {
      if (event.event === 'failure') {
        failures.push(observed(event));
        denials = Math.max(denials, failures.length);
      } else if (event.event === 'count')
        counts.push({ comm: known(event.comm), syscall: event.syscall, errno: errnoOf(event), count: event.count });
      else if (event.event === 'totals') denials = event.denials;
      else if (event.event === 'summary') summary = event;
    },
    failures,
    counts,
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
    syscall,
    detail,
    usage,
    errno: errnoOf(event),
    step,
    address: null,
  };
}

/** brk fails without an errno: it answers the old break. */
function errnoOf({ syscall, errno }: { syscall: string; errno: number }): string | null {
  return syscall === 'brk' ? null : errnoName(errno);
}

function known(comm: string): string | null {
  return comm === '?' ? null : comm;
}
