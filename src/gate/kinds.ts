/**
 * Kinds of gated calls: what an enforcing kernel returns when their allocation fails, their minimum need, and what the
 * manual page says. The table of calls, syscalls.ts, is built from these.
 */

export type CallClass = 'process' | 'memory' | 'files' | 'sockets' | 'events' | 'ipc' | 'namespaces' | 'security';

/** src/native/helper/policy.h has the same words. `open`: the flags follow the path; `open2`: they are in memory. */
export type CallRole =
  | 'brk'
  | 'exec'
  | 'thread-exit'
  | 'process-exit'
  | 'vfork'
  | 'clone'
  | 'clone3'
  | 'open'
  | 'open2'
  | 'creat'
  | 'connect'
  | 'filter'
  | 'trace'
  | 'socketcall';

export type GatedCall = Readonly<{
  name: string;
  class: CallClass;
  /** What the manual page says about it. */
  man: string;
  /**
   * What an enforcing kernel (5.10, native limit) returned for this call; from the manual page for calls that it did
   * not charge.
   */
  errno: 'ENOMEM' | 'ENFILE' | 'ENOSPC' | 'EAGAIN' | 'EPERM';
  /** For a TCP socket it is ENOMEM, or ENOBUFS on kernels before 6.1 (5.10 and 6.1 were measured). */
  isSocket?: true;
  /** What the helper must know about it other than that it allocates. */
  role?: CallRole;
  /**
   * The descriptors that it returns, for which the descriptor table may have to grow: their number; `=N`: the one named
   * by argument N; `>N`: the lowest free one from there on.
   */
  creates?: 1 | 2 | '=1' | '>2';
  /** It may fail with EINTR by itself because it can wait: the gate then repairs none of its EINTRs. */
  interruptible?: true;
  /** Minimum bytes that one such call charges; default one page, the counter's own step. */
  need?: number;
  /**
   * The amount added for a size in the arguments, by a rule of src/native/helper/sizes.c. `arg1*64`: the argument times
   * a factor (and `/` a divisor); `pow`: the same, rounded up to the next power of two, as the kernel's allocator does;
   * `filter`: the instructions of the sock_fprog to which the argument points; `xattr`: the size in such xattr_args;
   * `bpf-map`; page tables of a `mapping` that is filled at once, of one that `move`s, of a `range`, of `all` mappings.
   */
  size?: string;
  /** The same if the call creates a thread instead of a process. */
  needThread?: number;
  /**
   * How the helper describes the call's object: an argument's index follows the kind. `at`: a path relative to the
   * directory in the preceding argument.
   */
  detail?: string;
  /**
   * `split`, `fdtable`: denied only if it really allocates, because a mapping is split or the descriptor table grows.
   * `on-tmpfs`: or because the file is on tmpfs. `ipc`: only if i386's multiplexer is used for a call that allocates.
   * `tmpfs`: ENOSPC if it would create something on tmpfs, and `errno` elsewhere.
   */
  check?: 'split' | 'fdtable' | 'ipc' | 'tmpfs' | 'on-tmpfs';
  /** Gated only if this argument has one of these values. */
  when?: Readonly<{ arg: number; values: readonly number[] }>;
  /** Numbers on x86-64, x32, i386, arm64; null if the architecture lacks the call. */
  numbers: readonly [number | null, number | null, number | null, number | null];
}>;

export const PAGE = 4096;

/** Kept free below the limit unless the user says otherwise: room for what page faults charge between two calls. */
export const DEFAULT_RESERVE = 16 * 1024;

/** Its operations bypass every seccomp filter: refused unless the user allows it, as container runtimes do. */
export const refusedCalls: readonly string[] = ['io_uring_setup'];

/** Measured on 6.18: see docs/internals/gate.md, "What a call needs". */
const FORK = 63 * 1024;
const THREAD = 20 * 1024;
const EXEC = 64 * 1024;

const F_DUPFD = 0;
const F_DUPFD_CLOEXEC = 1030;
const F_SETPIPE_SZ = 1031;
const MADV_POPULATE_READ = 22;
const MADV_POPULATE_WRITE = 23;
/** Size of struct pipe_buffer, one per page. */
const PIPE_BUFFER = 40;

export const clone = {
  class: 'process',
  errno: 'ENOMEM',
  man: 'clone(2): ENOMEM, cannot allocate sufficient memory for the child',
  detail: 'clone',
  need: FORK,
} as const;
export const clonable = { ...clone, needThread: THREAD } as const;
export const exec = {
  class: 'process',
  errno: 'ENOMEM',
  man: 'execve(2): ENOMEM, insufficient kernel memory',
  need: EXEC,
  role: 'exec',
} as const;
export const memory = { class: 'memory', errno: 'ENOMEM', man: 'mmap(2): ENOMEM, no memory is available' } as const;
export const splitting = {
  class: 'memory',
  errno: 'ENOMEM',
  man: 'mprotect(2), munmap(2): ENOMEM, internal kernel structures could not be allocated',
  detail: 'size1',
  check: 'split',
} as const;
/** The advice that changes a mapping's flags, and so splits it (madvise(2)); MADV_DONTNEED and the like free memory. */
const flagsAdvice = { arg: 2, values: [0, 1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19] } as const;
export const advising = {
  ...splitting,
  errno: 'EAGAIN',
  man: 'madvise(2): EAGAIN, a kernel resource was temporarily unavailable',
  when: flagsAdvice,
} as const;
export const populating = {
  class: 'memory',
  errno: 'ENOMEM',
  man: 'madvise(2), mlockall(2): ENOMEM, not enough memory',
  need: 0,
} as const;
export const populatingRange = {
  ...populating,
  detail: 'size1',
  size: 'range',
  when: { arg: 2, values: [MADV_POPULATE_READ, MADV_POPULATE_WRITE] },
} as const;
export const opening = {
  class: 'files',
  errno: 'ENOMEM',
  man: 'open(2): ENOMEM, insufficient kernel memory',
  creates: 1,
  interruptible: true,
  check: 'tmpfs',
} as const;
export const naming = {
  class: 'files',
  errno: 'ENOMEM',
  man: 'link(2): ENOMEM, insufficient kernel memory',
} as const;
export const making = {
  class: 'files',
  errno: 'ENOMEM',
  man: 'mkdir(2), mknod(2), symlink(2): ENOMEM, insufficient kernel memory; ENOSPC, no room',
  check: 'tmpfs',
} as const;
export const memfd = {
  class: 'files',
  errno: 'ENOSPC',
  man: 'memfd_create(2): ENOMEM, insufficient memory',
  creates: 1,
} as const;
export const table = {
  class: 'files',
  errno: 'ENOMEM',
  man: 'dup(2), fcntl(2): not documented',
  detail: 'fd0',
  check: 'fdtable',
  creates: 1,
} as const;
export const duplicating = { ...table, creates: '>2', when: { arg: 1, values: [F_DUPFD, F_DUPFD_CLOEXEC] } } as const;
export const resizing = {
  class: 'files',
  errno: 'ENOMEM',
  man: 'fcntl(2): ENOMEM, there is not enough memory for the buffers of a pipe',
  detail: 'size2',
  need: 0,
  size: `pow2*${PIPE_BUFFER}/${PAGE}`,
  when: { arg: 1, values: [F_SETPIPE_SZ] },
} as const;
/** Stored in kernel memory on tmpfs. */
export const attribute = {
  class: 'files',
  errno: 'ENOMEM',
  man: 'setxattr(2): not documented',
  check: 'on-tmpfs',
  size: 'pow3',
} as const;
export const pipe = {
  class: 'files',
  errno: 'ENFILE',
  man: 'pipe(2): ENFILE, the system limit on open files',
  creates: 2,
} as const;
export const socket = {
  class: 'sockets',
  errno: 'ENFILE',
  isSocket: true,
  man: 'socket(2): ENOBUFS or ENOMEM, insufficient memory; ENFILE',
  detail: 'socket',
  creates: 1,
} as const;
export const accepting = {
  class: 'sockets',
  errno: 'ENFILE',
  man: 'accept(2): ENFILE; ENOBUFS, ENOMEM, not enough free memory',
  detail: 'fd0',
  creates: 1,
  interruptible: true,
} as const;
export const multiplexed = {
  class: 'sockets',
  errno: 'ENFILE',
  isSocket: true,
  man: 'socketcall(2): as for the call that it performs',
  role: 'socketcall',
} as const;
export const addressed = {
  class: 'sockets',
  errno: 'ENOMEM',
  man: 'bind(2): ENOMEM, insufficient kernel memory',
  detail: 'address',
} as const;
export const events = {
  class: 'events',
  errno: 'ENOMEM',
  man: 'eventfd(2), epoll_create(2), inotify_init(2) …: ENOMEM, insufficient kernel memory',
  creates: 1,
} as const;
export const watching = {
  class: 'events',
  errno: 'ENOMEM',
  man: 'epoll_ctl(2), inotify_add_watch(2) …: ENOMEM, insufficient kernel memory',
} as const;
export const ipc = {
  class: 'ipc',
  errno: 'ENOMEM',
  man: 'msgget(2), semget(2), mq_open(3): ENOMEM, not enough memory',
} as const;
export const shared = {
  class: 'ipc',
  errno: 'ENOSPC',
  man: 'shmget(2): ENOMEM, no memory for the segment; ENOSPC',
  detail: 'size1',
} as const;
export const namespaces = {
  class: 'namespaces',
  errno: 'ENOMEM',
  man: 'unshare(2), mount(2), fsopen(2): ENOMEM, cannot allocate sufficient memory',
} as const;
export const security = {
  class: 'security',
  errno: 'ENOMEM',
  man: 'seccomp(2), bpf(2), landlock_create_ruleset(2): ENOMEM, out of memory',
} as const;
