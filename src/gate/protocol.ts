import { constants } from 'node:os';
import { bytesOf } from '../text/bytes.ts';
import { type GateConfig, observedWords, policyWords } from './policy.ts';
import type { GateSummary } from './summary.ts';
export type StepRequest = Readonly<{
  path: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  directory: string;
  nullStdin: boolean;
  /** The next step may start while this one runs: `started` reports when. */
  background: boolean;
}>;

export type GateFailure = {
  event: 'failure';
  atNs: number;
  pid: number | null;
  tid: number;
  comm: string;
  exe: string | null;
  syscall: string;
  detail: string | null;
  address: string | null;
  usage: number | null;
  errno: number;
  /**
   * The step whose process tree it is in, while that runs; otherwise the latest one running; if none runs, the one that
   * ended last, up to its `account`. Null: none of these.
   */
  step: number | null;
  /** 1: `inject` requested it; absent under the kernel's own limit, like the following keys. */
  injected?: number;
  /**
   * Bytes: the need that did not fit, what the gate keeps free, and the remaining room; null: the limit is not the
   * reason.
   */
  need?: number | null;
  reserve?: number | null;
  room?: number | null;
  /** 1: `need` is that of a larger descriptor table. */
  table?: number;
  /** 1: the call succeeded although the kernel refused it an allocation; absent: the gate denied it. */
  handled?: number;
  /** Of the allocation that a BPF program refused last in the call; absent in other modes, like the next one. */
  bytes?: number;
  /** 1: for an object of a slab cache; 0: for pages. */
  isObject?: number;
  /** The kernel's functions that led to it, separated by spaces, from the inside out; null: not known. */
  stack?: string | null;
};

/** A page fault over the limit, answered by a signal. */
export type GateFault = {
  event: 'fault';
  atNs: number;
  pid: number;
  tid: number;
  comm: string;
  exe: string | null;
  /** The number of the system call in which it happened; -1: in none; -2: this kernel does not report it. */
  call: number;
  /** The address touched, in hexadecimal; null: not known. */
  at: string | null;
  bytes: number;
  usage: number;
  signal: number;
  /** As in `failure`. */
  step: number | null;
};

/** At the end, a part of the group's kernel memory (`profile`); figures as in the result. */
export type ProfilePart = {
  event: 'part';
  kind: 'object' | 'pages' | 'stack' | 'percpu';
  allocator: string | null;
  cache: string | null;
  size: number;
  comm: string;
  /** The number of the system call that allocated it; -1: in a page fault, -2: unknown. */
  call: number;
  /** Releases that caused no event, as far as they were noticed. */
  unseen: number;
  peakObjects: number;
  peakBytes: number;
  endObjects: number;
  endBytes: number;
  objects: number;
  bytes: number;
  /** Functions, separated by spaces, from the inside out; null: not known. */
  kernel: string | null;
  /**
   * Lines from the inside out: OFFSET FILE, the offset in hexadecimal; for code in no file ADDRESS #PID UID, the process
   * and its owner. Null: not known.
   */
  user: string | null;
};

/** Follows the last part. */
export type ProfileTotals = {
  event: 'profile';
  /** Null: nothing was allocated. */
  peakAtNs: number | null;
  peakUsage: number | null;
  endUsage: number | null;
  /** Of parts that were not sent; null: there were more than the profiler has room for, and they were not counted. */
  cutRows: number | null;
  cutPeakObjects: number;
  cutPeakBytes: number;
  cutEndObjects: number;
  cutEndBytes: number;
  cutObjects: number;
  cutBytes: number;
  untracked: number;
  missed: number;
};

/** At the end, one for each of `inject`, in its order. */
export type GateInjection = {
  event: 'injection';
  /** 1: the call was made, and failed unless `denials` is 0: then it asked for the break, which cannot fail. */
  reached: number;
  denials: number;
  /** A different call that was made at that place; null: none, or the requested one was made. */
  seen: string | null;
};

/** A process of the group died of a signal such as SIGSEGV; reported only under `trace` and `inject`. */
export type GateCrash = {
  event: 'crash';
  atNs: number;
  pid: number;
  comm: string | null;
  signal: number;
  /** As in `failure`. */
  step: number | null;
};

export type GateEvent =
  | ProfilePart
  | ProfileTotals
  | { event: 'locked' }
  | { event: 'setup-error'; stage: string; errno: number; subject: string | null }
  | {
      event: 'go';
      step: number;
      pid: number;
      startNs: number;
      atNs: number;
      usage: number | null;
      noNewPrivs: number;
      syncWakeUp: number;
    }
  | {
      event: 'denied';
      step: number;
      what: string;
      atNs: number;
      startNs: number;
      denials: number | null;
      maxUsage: number | null;
    }
  /** For a background step: its program has been executed, and another step may be handed over. */
  | { event: 'started'; step: number }
  /** The answer to `limit`. `refused`: why nothing was changed. */
  | {
      event: 'limit';
      refused: 'not-told' | 'not-accounted' | null;
      /** Now, and the highest under the previous limit. */
      usage: number | null;
      maxUsage: number | null;
    }
  | {
      event: 'exit';
      step: number;
      atNs: number;
      code: number | null;
      signal: number | null;
      /**
       * Counted for the step up to its end; under a native limit the rise of the kernel's failcnt; null: it could not
       * be read.
       */
      denials: number | null;
      maxUsage: number | null;
    }
  /**
   * The same figures, final: for the step that ended last, including what is counted for it after its end. Sent when
   * the next step is released, before the next `exit` or `denied`, and at `close` or `finish`. A step that ends after
   * `close` has none: its `exit` reports the figures as of `close`. `step` null: for the oldest `outside` that had none
   * yet.
   */
  | { event: 'account'; step: number | null; denials: number | null; maxUsage: number | null }
  | GateFailure
  | GateFault
  /** The answer to `totals`, so far. `maxUsage`: as in `summary`; null: it is not known. */
  | { event: 'totals'; denials: number; gatedCalls: number; maxUsage: number | null }
  /** `syscall` null: page faults over the limit, in system call number `faultIn` (see `GateFault`). */
  | { event: 'count'; comm: string; syscall: string | null; errno: number; faultIn?: number; count: number }
  | GateInjection
  /**
   * A process that a step left behind was killed by a signal or exited with a code other than 0. Reported for those
   * whose parents have exited: nobody else learns of it. `comm`: `?` if not known.
   */
  | { event: 'orphan-ended'; atNs: number; pid: number; comm: string; code: number | null; signal: number | null }
  | GateCrash
  /** `moves`, `service`, `listener`, `tracer`: something that the result should mention. */
  | { event: 'notice'; kind: string; object: string; comm: string | null }
  | { event: 'guardian-lost' }
  /** The group's counter can no longer be read; no call is answered. */
  | { event: 'counter-lost' }
  /** Kernel details found for one of the helper's programs, which saves a later helper the search. */
  | { event: 'fitted'; word: string }
  /** A BPF program could not be loaded or does not work. */
  | { event: 'unwatched'; what: 'faults' | 'moves' | 'readings'; errno: number }
  /**
   * A task has left the group or entered it. `to`: its current group, from the root of the hierarchy; null: not known.
   * `born`: 1: it was started there.
   */
  | {
      event: 'move';
      atNs: number;
      pid: number;
      tid: number;
      comm: string;
      kind: 'left' | 'entered';
      born: number;
      by: number;
      to: string | null;
      step: number | null;
    }
  /** This kernel does not reveal what fails under the native limit. */
  | { event: 'unattributed'; errno: number }
  /** A task spins in a page fault that the native limit refuses. */
  | { event: 'livelock'; pid: number | null; tid: number; comm: string | null; refusals: number; forNs: number }
  /** The answer to `close`. */
  | { event: 'closed' }
  | GateSummary
  | { event: 'end'; escaped: number };

/** A message is a list of NUL-terminated words of any bytes, ended by an empty word. */
function message(words: readonly string[]): Buffer {
  return bytesOf(`${words.join('\0')}\0\0`);
}

/** `known`: words about what earlier helpers have found out, and about programs that this one may use. */
export function encodeConfig(config: GateConfig, known: readonly string[] = []): Buffer {
  const words = [
    'config',
    `gate=${Number(config.gate)}`,
    `errno-enomem=${Number(config.errnoEnomem)}`,
    `aslr=${Number(config.aslr)}`,
    `usage=${config.usage}`,
    `reserve=${config.reserve}`,
    `lock-file=${config.lockFile}`,
    ...known,
    ...config.join.map((file) => `join=${file}`),
    ...config.lateJoin.map((file) => `late-join=${file}`),
    ...config.kill.map((file) => `kill=${file}`),
    ...config.directories.map((directory) => `directory=${directory}`),
  ];
  if (config.enforce !== null) words.push(`enforce=${config.enforce}`);
  if (config.enforce === 'allocation') words.push(...observedWords(process.arch));
  if (config.watched !== null) words.push(`watched=${config.watched}`);
  if (config.limit !== null) words.push(`limit=${config.limit}`);
  if (config.rcuWait) words.push('rcu-wait=1');
  if (config.profile) words.push('profile=1');
  if (config.killEscaped) words.push('kill-escaped=1');
  if (config.faultSignal !== null)
    words.push(`fault-signal=${config.faultSignal === 'none' ? 0 : constants.signals[config.faultSignal]}`);
  if (config.joinInto !== null) words.push(`join-into=${config.joinInto}`);
  if (config.cloneInto !== null) words.push(`clone-into=${config.cloneInto}`);
  if (config.max !== null) words.push(`max=${config.max}`);
  if (config.refresh !== null) words.push(`refresh=${config.refresh}`);
  if (config.failcnt !== null) words.push(`failcnt=${config.failcnt}`);
  if (config.reclaim !== null) words.push(`reclaim=${config.reclaim}`);
  if (config.oomScore !== null) words.push(`oom-score=${config.oomScore}`);
  if (config.cpus !== null) words.push(`cpus=${config.cpus.join(',')}`);
  if (config.identity !== null) {
    const { uid, gid, groups } = config.identity;
    words.push(`uid=${uid}`, `gid=${gid}`, `groups=${groups.join(',')}`);
  }
  if (config.trace !== null) words.push(`trace=${config.trace}`);
  words.push(...config.inject.map((address) => `inject=${address}`));
  if (config.gate) words.push(...policyWords(process.arch, config));
  if (config.attribute !== null) words.push(`attribute=${config.attribute}`, ...observedWords(process.arch));
  return message(words);
}

export function encodeStep(step: StepRequest): Buffer {
  return message([
    'step',
    `path=${step.path}`,
    `directory=${step.directory}`,
    ...(step.nullStdin ? ['stdin=null'] : []),
    ...(step.background ? ['background'] : []),
    ...step.argv.map((arg) => `arg=${arg}`),
    ...Object.entries(step.env).map(([name, value]) => `env=${name}=${value}`),
  ]);
}

/** `kmem`: the gate's limit from now on, null for none; undefined: the kernel's own has changed. */
export function encodeLimit(kmem: number | null | undefined): Buffer {
  return message(kmem === undefined ? ['limit'] : ['limit', String(kmem ?? 'none')]);
}

/**
 * One of the runner's own steps begins, and no step in the group runs: what daemons do until the next step is counted
 * for it.
 */
export function encodeOutside(): Buffer {
  return message(['outside']);
}

export function encodeTotals(): Buffer {
  return message(['totals']);
}

/**
 * The run is over, and processes left in the group are being killed: from here on none of their calls is denied,
 * counted or reported, and `summary` covers the run up to here.
 */
export function encodeClose(): Buffer {
  return message(['close']);
}

/** For the owner of a program outside the group: signals its process group. */
export function encodeSignal(number: number): Buffer {
  return message(['signal', String(number)]);
}

export function encodeFinish(): Buffer {
  return message(['finish']);
}

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
// Node has two names for one number on Linux; programs and man pages say EAGAIN.
names.set(constants.errno.EAGAIN, 'EAGAIN');

/** `ENOMEM` for 12; the number itself if it has no name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? String(errno);
}
