/**
 * The gate's policy as data: which system calls allocate kernel memory that is charged to the caller's cgroup, and
 * what an enforcing kernel answers when that allocation fails. The helper builds its seccomp filter from this.
 */

export type CallClass = 'process' | 'memory' | 'files' | 'sockets' | 'events' | 'ipc';

export type GatedCall = Readonly<{
  name: string;
  class: CallClass;
  /** What an enforcing kernel (5.10, native limit) returned for this call. */
  errno: 'ENOMEM' | 'ENFILE' | 'ENOSPC' | 'EAGAIN' | 'EPERM';
  /** A TCP socket gets this one instead. */
  tcpErrno?: 'ENOBUFS';
  /** `refuse`: never let through, whatever the counter says. Default: `gate`. */
  action?: 'refuse';
  /** Bytes that one such call charges at least; default one page, the counter's own step. */
  need?: number;
  /** The same where the call makes a thread instead of a process. */
  needThread?: number;
  /** How the helper describes what the call was about: an argument's index follows the kind. */
  detail?: string;
  /** Denied only if it really allocates: `split` a mapping is split, `fdtable` the table of descriptors grows. */
  check?: 'split' | 'fdtable';
  /** Gated only if this argument has one of these values. */
  when?: Readonly<{ arg: number; values: readonly number[] }>;
  /** Numbers on x86-64, x32, i386, arm64; null where the architecture lacks the call. */
  numbers: readonly [number | null, number | null, number | null, number | null];
}>;

export const PAGE = 4096;

/** Kept free below the limit unless the user says otherwise: room for what page faults charge between two calls. */
export const DEFAULT_RESERVE = 16 * 1024;

/** Measured on 6.18: see docs/gate.md, "What a call needs". */
const FORK = 64 * 1024;
const THREAD = 20 * 1024;
const EXEC = 64 * 1024;

const F_DUPFD = 0;
const F_DUPFD_CLOEXEC = 1030;
const EPOLL_CTL_ADD = 1;

const clone = { class: 'process', errno: 'ENOMEM', detail: 'clone', need: FORK } as const;
const clonable = { ...clone, needThread: THREAD } as const;
const exec = { class: 'process', errno: 'ENOMEM', need: EXEC } as const;
const memory = { class: 'memory', errno: 'ENOMEM' } as const;
const splitting = { class: 'memory', errno: 'ENOMEM', detail: 'size1', check: 'split' } as const;
/** The advice that changes a mapping's flags, and so splits it (madvise(2), asm-generic/mman-common.h); MADV_DONTNEED and its like free memory. */
const flagsAdvice = { arg: 2, values: [0, 1, 2, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19] } as const;
const files = { class: 'files', errno: 'ENOMEM' } as const;
const tmpfsFull = { class: 'files', errno: 'ENOSPC' } as const;
const table = { class: 'files', errno: 'ENOMEM', detail: 'fd0', check: 'fdtable' } as const;
const duplicating = { ...table, when: { arg: 1, values: [F_DUPFD, F_DUPFD_CLOEXEC] } } as const;
const pipe = { class: 'files', errno: 'ENFILE' } as const;
const socket = { class: 'sockets', errno: 'ENFILE', tcpErrno: 'ENOBUFS', detail: 'socket' } as const;
const accepting = { class: 'sockets', errno: 'ENFILE', detail: 'fd0' } as const;
const addressed = { class: 'sockets', errno: 'ENOMEM', detail: 'address' } as const;
const events = { class: 'events', errno: 'ENOMEM' } as const;
const ipc = { class: 'ipc', errno: 'ENOMEM' } as const;

export const gatedCalls: readonly GatedCall[] = [
  { name: 'fork', ...clone, numbers: [57, 57, 2, null] },
  { name: 'vfork', ...clonable, numbers: [58, 58, 190, null] },
  { name: 'clone', ...clonable, numbers: [56, 56, 120, 220] },
  { name: 'clone3', ...clonable, numbers: [435, 435, 435, 435] },
  { name: 'execve', ...exec, detail: 'path0', numbers: [59, 520, 11, 221] },
  { name: 'execveat', ...exec, detail: 'path1', numbers: [322, 545, 358, 281] },

  { name: 'brk', ...memory, numbers: [12, 12, 45, 214] },
  { name: 'mmap', ...memory, detail: 'mmap', numbers: [9, 9, null, 222] },
  { name: 'mmap', ...memory, numbers: [null, null, 90, null] },
  { name: 'mmap2', ...memory, detail: 'mmap', numbers: [null, null, 192, null] },
  { name: 'mremap', ...memory, detail: 'size2', numbers: [25, 25, 163, 216] },
  { name: 'mprotect', ...splitting, numbers: [10, 10, 125, 226] },
  { name: 'pkey_mprotect', ...splitting, numbers: [329, 329, 380, 288] },
  { name: 'munmap', ...splitting, numbers: [11, 11, 91, 215] },
  { name: 'madvise', ...splitting, errno: 'EAGAIN', when: flagsAdvice, numbers: [28, 28, 219, 233] },
  { name: 'mlock', ...splitting, numbers: [149, 149, 150, 228] },
  { name: 'mlock2', ...splitting, numbers: [325, 325, 376, 284] },
  { name: 'munlock', ...splitting, numbers: [150, 150, 151, 229] },

  { name: 'open', ...files, detail: 'path0', numbers: [2, 2, 5, null] },
  { name: 'openat', ...files, detail: 'path1', numbers: [257, 257, 295, 56] },
  { name: 'openat2', ...files, detail: 'path1', numbers: [437, 437, 437, 437] },
  { name: 'creat', ...tmpfsFull, detail: 'path0', numbers: [85, 85, 8, null] },
  { name: 'mkdir', ...files, detail: 'path0', numbers: [83, 83, 39, null] },
  { name: 'mkdirat', ...files, detail: 'path1', numbers: [258, 258, 296, 34] },
  { name: 'mknod', ...tmpfsFull, detail: 'path0', numbers: [133, 133, 14, null] },
  { name: 'mknodat', ...tmpfsFull, detail: 'path1', numbers: [259, 259, 297, 33] },
  { name: 'link', ...files, detail: 'path1', numbers: [86, 86, 9, null] },
  { name: 'linkat', ...files, detail: 'path3', numbers: [265, 265, 303, 37] },
  { name: 'symlink', ...tmpfsFull, detail: 'path1', numbers: [88, 88, 83, null] },
  { name: 'symlinkat', ...tmpfsFull, detail: 'path2', numbers: [266, 266, 304, 36] },
  { name: 'memfd_create', ...tmpfsFull, detail: 'path0', numbers: [319, 319, 356, 279] },
  { name: 'dup', ...table, numbers: [32, 32, 41, 23] },
  { name: 'dup2', ...table, numbers: [33, 33, 63, null] },
  { name: 'dup3', ...table, numbers: [292, 292, 330, 24] },
  { name: 'fcntl', ...duplicating, numbers: [72, 72, 55, 25] },
  { name: 'fcntl64', ...duplicating, numbers: [null, null, 221, null] },
  { name: 'pipe', ...pipe, numbers: [22, 22, 42, null] },
  { name: 'pipe2', ...pipe, numbers: [293, 293, 331, 59] },

  { name: 'socket', ...socket, numbers: [41, 41, 359, 198] },
  { name: 'socketpair', ...socket, numbers: [53, 53, 360, 199] },
  // i386 multiplexes: SYS_SOCKET, BIND, CONNECT, ACCEPT, SOCKETPAIR, ACCEPT4 (linux/net.h)
  {
    name: 'socketcall',
    class: 'sockets',
    errno: 'ENFILE',
    when: { arg: 0, values: [1, 2, 3, 5, 8, 18] },
    numbers: [null, null, 102, null],
  },
  { name: 'accept', ...accepting, numbers: [43, 43, null, 202] },
  { name: 'accept4', ...accepting, numbers: [288, 288, 364, 242] },
  { name: 'bind', ...addressed, numbers: [49, 49, 361, 200] },
  { name: 'connect', ...addressed, numbers: [42, 42, 362, 203] },

  { name: 'eventfd', ...events, numbers: [284, 284, 323, null] },
  { name: 'eventfd2', ...events, numbers: [290, 290, 328, 19] },
  { name: 'timerfd_create', ...events, numbers: [283, 283, 322, 85] },
  { name: 'signalfd', ...events, numbers: [282, 282, 321, null] },
  { name: 'signalfd4', ...events, numbers: [289, 289, 327, 74] },
  { name: 'epoll_create', ...events, numbers: [213, 213, 254, null] },
  { name: 'epoll_create1', ...events, numbers: [291, 291, 329, 20] },
  {
    name: 'epoll_ctl',
    ...events,
    detail: 'fd2',
    when: { arg: 1, values: [EPOLL_CTL_ADD] },
    numbers: [233, 233, 255, 21],
  },
  { name: 'inotify_init', ...events, numbers: [253, 253, 291, null] },
  { name: 'inotify_init1', ...events, numbers: [294, 294, 332, 26] },
  { name: 'inotify_add_watch', ...events, detail: 'path1', numbers: [254, 254, 292, 27] },
  { name: 'userfaultfd', ...events, numbers: [323, 323, 374, 282] },
  // Its operations bypass every seccomp filter: container runtimes refuse it with the same errno.
  { name: 'io_uring_setup', class: 'events', errno: 'EPERM', action: 'refuse', numbers: [425, 425, 425, 425] },

  { name: 'msgget', ...ipc, numbers: [68, 68, 399, 186] },
  { name: 'msgsnd', ...ipc, detail: 'size2', numbers: [69, 69, 400, 189] },
  { name: 'mq_open', ...ipc, detail: 'path0', numbers: [240, 240, 277, 180] },
  { name: 'semget', ...ipc, numbers: [64, 64, 393, 190] },
  { name: 'shmget', class: 'ipc', errno: 'ENOSPC', detail: 'size1', numbers: [29, 29, 395, 194] },
  // SEMGET, MSGSND, MSGGET, SHMGET (linux/ipc.h)
  { name: 'ipc', ...ipc, when: { arg: 0, values: [2, 11, 13, 23] }, numbers: [null, null, 117, null] },
];
