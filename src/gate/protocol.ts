import { constants } from 'node:os';
import { bytesOf } from '../text/bytes.ts';
import { type GateConfig, observedWords, policyWords } from './policy.ts';
export type StepRequest = Readonly<{
  path: string;
  argv: readonly string[];
  env: Readonly<Record<string, string>>;
  directory: string;
  nullStdin: boolean;
  /** The next step may begin while this one runs: `started` tells when. */
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
   * The one whose process tree it is, while that runs; else the latest that does; while none runs, the one that ended
   * last, up to its `account`. Null: none of these.
   */
  step: number | null;
  /** 1: `inject` asked for it; absent under the kernel's own limit, as the following are. */
  injected?: number;
  /** Bytes: what had no room, what the gate keeps free, and what was left with that; null: the limit is not the reason. */
  need?: number | null;
  reserve?: number | null;
  room?: number | null;
  /** 1: `need` is that of a larger table of descriptors. */
  table?: number;
};

/** A page fault over the limit, ended by a signal. */
export type GateFault = {
  event: 'fault';
  atNs: number;
  pid: number;
  tid: number;
  comm: string;
  exe: string | null;
  /** The number of the system call in which it happened; -1: in none; -2: this kernel does not tell. */
  call: number;
  /** What was touched, in hexadecimal; null: not known. */
  at: string | null;
  bytes: number;
  usage: number;
  signal: number;
  /** As in `failure`. */
  step: number | null;
};

export type GateSummary = {
  event: 'summary';
  denials: number;
  refusals: number;
  gatedCalls: number;
  /** Null, as the next one: the kernel refuses, and what fails could not be found out. */
  failuresDropped: number | null;
  uncounted: number | null;
  eventsDropped: number;
  reclaims: number;
  rcuWaits: number;
  rcuWaitedNs: number;
  /** Calls that a signal took back before they were received. */
  interrupted: number;
  traceLost: number;
  maxUsage: number | null;
  /** The highest usage since the limit has changed; as far as it was read. */
  limitMax: number | null;
  peakSeen: number | null;
  /** On v2 how far a reading may be behind, and the largest rise between two readings; null: the kernel keeps the highest. */
  lag: number | null;
  largestRise: number | null;
  /** 1: a BPF program read the usage on v2, and saw the highest. */
  summed: number;
  /** Pages of page faults over the limit, and their bytes; null: nothing looked at them. */
  faultPages: number | null;
  faultBytes: number | null;
  /** 1: tasks that left or entered the group were seen. */
  movesWatched: number;
  /** Events of the BPF programs that are lost, and that they missed because they were running already. */
  watchLost: number;
  watchMissed: number;
  /** On v2 what the highest reading was made up of; null where the kernel does not tell. */
  slab: number | null;
  kernel_stack: number | null;
  pagetables: number | null;
  percpu: number | null;
  vmalloc: number | null;
  sock: number | null;
};

/** At the end, one for each of `inject`, in its order. */
export type GateInjection = {
  event: 'injection';
  /** 1: the call was made, and failed but where `denials` is 0: it asked for the break, which cannot fail. */
  reached: number;
  denials: number;
  /** The other call that was made at that place; null: none, or the one asked for came. */
  seen: string | null;
};

/** A process of the group died of a signal such as SIGSEGV; told under `trace` and `inject` only. */
export type GateCrash = {
  event: 'crash';
  atNs: number;
  pid: number;
  comm: string | null;
  signal: number;
  /** As in `failure`. */
  step: number | null;
};

/** What the owner of a program outside the group reports: how it ended, or why it could not be started. */
export type OwnerEvent =
  | { event: 'exit'; code: number | null; signal: number | null }
  | { event: 'setup-error'; errno: number };

export type GateEvent =
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
  /** Of a step in the background: its program has been executed, and another step may be handed over. */
  | { event: 'started'; step: number }
  /** The answer to `limit`. `refused`: why nothing was changed. */
  | {
      event: 'limit';
      refused: 'not-told' | 'not-accounted' | null;
      /** Now, and the highest under the limit before. */
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
       * Booked on the step up to its end; under a native limit what the kernel's failcnt rose by; null: it could not be
       * read.
       */
      denials: number | null;
      maxUsage: number | null;
    }
  /**
   * The same figures, final: of the step that ended last, with what is booked on it after its end. It is sent when the
   * next step is let go, before the next `exit` or `denied`, and at `close` or `finish`. A step that ends after `close`
   * has none: its `exit` tells the figures as of `close`. `step` null: of the oldest `outside` that had none yet.
   */
  | { event: 'account'; step: number | null; denials: number | null; maxUsage: number | null }
  | GateFailure
  | GateFault
  /** The answer to `totals`, up to now. `maxUsage`: as in `summary`; null: it is not known. */
  | { event: 'totals'; denials: number; gatedCalls: number; maxUsage: number | null }
  /** `syscall` null: page faults over the limit, in the system call of the number `faultIn` (see `GateFault`). */
  | { event: 'count'; comm: string; syscall: string | null; errno: number; faultIn?: number; count: number }
  | GateInjection
  /**
   * A process that a step left behind has ended, by a signal or with a code other than 0. Told of those whose parents
   * have ended: nobody else learns of it. `comm`: `?` where it is not known.
   */
  | { event: 'orphan-ended'; atNs: number; pid: number; comm: string; code: number | null; signal: number | null }
  | GateCrash
  /** `moves`, `service`, `listener`, `tracer`: something that the result should mention. */
  | { event: 'notice'; kind: string; object: string; comm: string | null }
  | { event: 'guardian-lost' }
  /** The group's counter cannot be read any more; no call is answered. */
  | { event: 'counter-lost' }
  /** What was found of the kernel for one of its programs, which saves a later helper the search. */
  | { event: 'fitted'; word: string }
  /** A BPF program could not be loaded or does not work. */
  | { event: 'unwatched'; what: 'faults' | 'moves' | 'readings'; errno: number }
  /**
   * A task has left the group or entered it. `to`: the group that it is in now, from the root of the hierarchy; null: not
   * known. `born`: 1: it was started there.
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
  /** What fails under the native limit cannot be found out from this kernel. */
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

/** `fitted`: what an earlier helper found of the kernel. */
export function encodeConfig(config: GateConfig, fitted: readonly string[] = []): Buffer {
  const words = [
    'config',
    `gate=${Number(config.gate)}`,
    `errno-enomem=${Number(config.errnoEnomem)}`,
    `aslr=${Number(config.aslr)}`,
    `usage=${config.usage}`,
    `reserve=${config.reserve}`,
    `lock-file=${config.lockFile}`,
    ...fitted.map((word) => `fitted=${word}`),
    ...config.join.map((file) => `join=${file}`),
    ...config.lateJoin.map((file) => `late-join=${file}`),
    ...config.kill.map((file) => `kill=${file}`),
    ...config.directories.map((directory) => `directory=${directory}`),
  ];
  if (config.watched !== null) words.push(`watched=${config.watched}`);
  if (config.limit !== null) words.push(`limit=${config.limit}`);
  if (config.rcuWait) words.push('rcu-wait=1');
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

/** A step of the runner's own begins, and no step in the group runs: what daemons do until the next step is booked on it. */
export function encodeOutside(): Buffer {
  return message(['outside']);
}

export function encodeTotals(): Buffer {
  return message(['totals']);
}

/**
 * The run is over, and what is left in the group is being ended: from here on nothing is denied, counted or told of it,
 * and `summary` tells the run up to here.
 */
export function encodeClose(): Buffer {
  return message(['close']);
}

/** For the owner of a program outside the group, to its process group. */
export function encodeSignal(number: number): Buffer {
  return message(['signal', String(number)]);
}

export function encodeFinish(): Buffer {
  return message(['finish']);
}

const names = new Map(Object.entries(constants.errno).map(([name, number]) => [number, name]));
// Node has two names for one number on Linux; programs and man pages say EAGAIN.
names.set(constants.errno.EAGAIN, 'EAGAIN');

/** `ENOMEM` for 12; the number itself where it has no name. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? String(errno);
}
