/** The policy as words for the helper: the calls of each architecture that a process on this machine can use. */

import { constants, release } from 'node:os';
import { isOlder } from '../text/versions.ts';
import { callNames } from './call-names.ts';
import { type GatedCall, gatedCalls, PAGE, refusedCalls, type WatchedCall, watchedCalls } from './syscalls.ts';

/** linux/audit.h */
const AUDIT_ARCH = { x64: 0xc000003e, i386: 0x40000003, arm64: 0xc00000b7 } as const;
/** x32 calls carry x86-64's audit architecture and this bit in the number. */
const X32_BIT = 0x40000000;

/** Hundreds of words that a process needs for each of its runs. */
const made = new Map<string, readonly string[]>();

function makeOnce(key: string, make: () => readonly string[]): readonly string[] {
  const words = made.get(key) ?? make();
  made.set(key, words);
  return words;
}

/** The policy for every architecture whose calls a process on this machine can make. */
export function policyWords(
  arch: string,
  {
    allowIoUring,
    trace,
    inject,
    refresh,
    rcuWait,
    enforce,
  }: Pick<GateConfig, 'allowIoUring' | 'trace' | 'inject' | 'refresh' | 'rcuWait' | 'enforce'>,
): readonly string[] {
  const ends = trace !== null || inject.length > 0 || refresh !== null || rcuWait;
  return makeOnce(`${arch} ${allowIoUring} ${ends} ${enforce}`, () => [
    ...gatedCalls.flatMap((call) => {
      const isHooked = enforce === 'object' && HOOKED.has(call.name);
      return forEachNumber(arch, call, isHooked ? knownFields(call) : gatedFields(call, allowIoUring));
    }),
    ...watchedCalls
      .filter(({ leaves }) => ends || !leaves)
      .flatMap((call) => forEachNumber(arch, call, watchedFields(call))),
  ]);
}

/** Names of the calls that fail by the kernel's own limit, and what to report about them. */
export function observedWords(arch: string): readonly string[] {
  return makeOnce(`${arch} observed`, () => makeObservedWords(arch));
}

function makeObservedWords(arch: string): string[] {
  const observed = (detail: string, role: string) => ['watch', 0, 0, 0, 0, detail, '', '', '', role, '', ''];
  const known = new Set(gatedCalls.map(({ name }) => name));
  const others = [...callNames].filter(([, name]) => arch === 'x64' && !known.has(name));
  // A number may have several rows; the kernel's failures are described by the first.
  const rows = [...new Map(gatedCalls.toReversed().map((call) => [`${call.name} ${call.numbers}`, call])).values()];
  return [
    ...rows.flatMap((call) => forEachNumber(arch, call, observed(call.detail ?? '', call.role ?? ''))),
    ...others.map(([number, name]) => `call=${[AUDIT_ARCH.x64, number, name, ...observed('', '')].join(':')}`),
  ];
}

/** Calls whose files, inodes, sockets and mappings BPF programs refuse (src/native/bpf/objects.bpf.c). */
const HOOKED: ReadonlySet<string> = new Set(
  `open openat openat2 creat memfd_create memfd_secret pipe pipe2 socket socketpair accept accept4 eventfd eventfd2
  timerfd_create signalfd signalfd4 epoll_create epoll_create1 inotify_init inotify_init1 userfaultfd pidfd_open
  fanotify_init mmap mmap2`.split(/\s+/),
);

function forEachNumber(
  arch: string,
  { name, numbers }: Pick<GatedCall, 'name' | 'numbers'>,
  fields: readonly (string | number)[],
): string[] {
  const [x64, x32, i386, arm64] = numbers;
  const known: readonly (readonly [number, number | null])[] =
    arch === 'arm64'
      ? [[AUDIT_ARCH.arm64, arm64]]
      : [
          [AUDIT_ARCH.x64, x64],
          [AUDIT_ARCH.x64, x32 === null ? null : x32 + X32_BIT],
          [AUDIT_ARCH.i386, i386],
        ];
  return known.flatMap(([audit, number]) =>
    number === null ? [] : [`call=${[audit, number, name, ...fields].join(':')}`],
  );
}

function gatedFields(call: GatedCall, allowIoUring: boolean): (string | number)[] {
  const refused = refusedCalls.includes(call.name) && !allowIoUring;
  return [
    refused ? 'refuse' : 'gate',
    constants.errno[refused ? 'EPERM' : call.errno],
    call.isSocket ? constants.errno[isOlder(release(), '6.1') ? 'ENOBUFS' : 'ENOMEM'] : '',
    needOf(call),
    call.needThread ?? 0,
    call.detail ?? '',
    call.check ?? '',
    ...conditionFields(call),
    call.role ?? '',
    call.creates ?? '',
    call.interruptible ? 1 : '',
  ];
}

/** `4096+arg1*64`: bytes, and the amount added for a size in the arguments. */
function needOf({ need = PAGE, size }: GatedCall): string {
  return size === undefined ? `${need}` : `${need}+${size}`;
}

/** Not gated: only what to report about it. */
function knownFields({ detail, role }: GatedCall): (string | number)[] {
  return ['known', 0, '', 0, 0, detail ?? '', '', '', '', role ?? '', '', ''];
}

function watchedFields(call: WatchedCall): (string | number)[] {
  return ['watch', 0, '', 0, 0, '', '', ...conditionFields(call), call.role, '', ''];
}

function conditionFields({ when }: Pick<GatedCall, 'when'>): (string | number)[] {
  return [when?.arg ?? '', when?.values.join('|') ?? ''];
}

/** Configuration sent to the supervisor once, before the first step. Absent keys are not sent. */
export type GateConfig = Readonly<{
  gate: boolean;
  /** What BPF programs in the kernel refuse if it would exceed the limit; null: nothing. */
  enforce: 'allocation' | 'object' | null;
  /** Bytes; null: nothing is denied. */
  limit: number | null;
  reserve: number;
  errnoEnomem: boolean;
  aslr: boolean;
  /** `tasks` (v1) files through which the joiner joins, so that creating the command is charged to the group. */
  join: readonly string[];
  /** The same for controllers in which the joiner must not count (pids). */
  lateJoin: readonly string[];
  /** On v2 the directory in which the joiner's deputy is created, for the same purpose; null: v1. */
  joinInto: string | null;
  /** Directory in the unified hierarchy in which the command is created (on v2 the group's leaf); null: none. */
  cloneInto: string | null;
  kill: readonly string[];
  directories: readonly string[];
  /** On v2 `memory.stat`. */
  usage: string;
  /** File with the kernel's highest usage; null: there is none, and readings are used instead (v2). */
  max: string | null;
  /** On v2 the file that may update `memory.stat` when it is read; null: v1, where `usage` is exact. */
  refresh: string | null;
  /** The kernel's own count of refusals, if the limit is the kernel's; null otherwise. */
  failcnt: string | null;
  /**
   * The group's directory in the unified hierarchy, if failures are to be determined from the kernel; null otherwise.
   */
  attribute: string | null;
  /** The group's directory of the memory controller, which BPF programs watch if they load; null: none does. */
  watched: string | null;
  /** Tasks that leave the group are killed, if this is seen. */
  killEscaped: boolean;
  /** The signal for a page fault over the limit; `none`: such faults are only counted; null: they are not watched. */
  faultSignal: 'SIGBUS' | 'SIGKILL' | 'none' | null;
  reclaim: string | null;
  /** Before a denial the helper waits until exited tasks are freed. */
  rcuWait: boolean;
  /** Report the parts of the group's kernel memory. */
  profile: boolean;
  /** File for a line about each gated call; null: none. */
  trace: string | null;
  /** Addresses of calls that fail whatever the limit says, as spec/address.ts writes them. */
  inject: readonly string[];
  allowIoUring: boolean;
  lockFile: string;
  /** The helper protects itself from the OOM killer and gives the command this oom_score_adj; null: neither. */
  oomScore: number | null;
  identity: Readonly<{ uid: number; gid: number; groups: readonly number[] }> | null;
  cpus: readonly number[] | null;
}>;
