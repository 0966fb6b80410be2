/**
 * The gate's policy as data: which system calls allocate kernel memory that is charged to the caller's cgroup, and what
 * an enforcing kernel returns when that allocation fails. The helper builds its seccomp filter from this.
 */

import {
  accepting,
  addressed,
  advising,
  attribute,
  type CallRole,
  clonable,
  clone,
  duplicating,
  events,
  exec,
  type GatedCall,
  ipc,
  making,
  memfd,
  memory,
  multiplexed,
  namespaces,
  naming,
  opening,
  pipe,
  populating,
  populatingRange,
  resizing,
  security,
  shared,
  socket,
  splitting,
  table,
  watching,
} from './kinds.ts';

export { DEFAULT_RESERVE, type GatedCall, PAGE, refusedCalls } from './kinds.ts';

const MLOCK_ONFAULT = 1;
const MCL_CURRENT = 1;
const MCL_FUTURE = 2;
const EPOLL_CTL_ADD = 1;
const SECCOMP_SET_MODE_FILTER = 1;
const BPF_MAP_CREATE = 0;
const BPF_PROG_LOAD = 5;
const PTRACE_TRACEME = 0;
const PTRACE_ATTACH = 16;
const PTRACE_SEIZE = 0x4206;

export const gatedCalls: readonly GatedCall[] = [
  { name: 'fork', ...clone, numbers: [57, 57, 2, null] },
  { name: 'vfork', ...clonable, role: 'vfork', numbers: [58, 58, 190, null] },
  { name: 'clone', ...clonable, role: 'clone', numbers: [56, 56, 120, 220] },
  { name: 'clone3', ...clonable, role: 'clone3', numbers: [435, 435, 435, 435] },
  { name: 'execve', ...exec, detail: 'path0', numbers: [59, 520, 11, 221] },
  { name: 'execveat', ...exec, detail: 'at1', numbers: [322, 545, 358, 281] },

  { name: 'brk', ...memory, role: 'brk', numbers: [12, 12, 45, 214] },
  { name: 'mmap', ...memory, detail: 'mmap', size: 'mapping', numbers: [9, 9, null, 222] },
  { name: 'mmap', ...memory, numbers: [null, null, 90, null] },
  { name: 'mmap2', ...memory, detail: 'mmap', size: 'mapping', numbers: [null, null, 192, null] },
  { name: 'mremap', ...memory, detail: 'size2', size: 'move', numbers: [25, 25, 163, 216] },
  { name: 'mprotect', ...splitting, numbers: [10, 10, 125, 226] },
  { name: 'pkey_mprotect', ...splitting, numbers: [329, 329, 380, 288] },
  { name: 'munmap', ...splitting, numbers: [11, 11, 91, 215] },
  { name: 'madvise', ...advising, numbers: [28, 28, 219, 233] },
  { name: 'madvise', ...populatingRange, numbers: [28, 28, 219, 233] },
  { name: 'mlock', ...splitting, size: 'range', numbers: [149, 149, 150, 228] },
  { name: 'mlock2', ...splitting, size: 'range', when: { arg: 2, values: [0] }, numbers: [325, 325, 376, 284] },
  { name: 'mlock2', ...splitting, when: { arg: 2, values: [MLOCK_ONFAULT] }, numbers: [325, 325, 376, 284] },
  {
    name: 'mlockall',
    ...populating,
    size: 'all',
    when: { arg: 0, values: [MCL_CURRENT, MCL_CURRENT | MCL_FUTURE] },
    numbers: [151, 151, 152, 230],
  },
  { name: 'munlock', ...splitting, numbers: [150, 150, 151, 229] },

  { name: 'open', ...opening, role: 'open', detail: 'path0', numbers: [2, 2, 5, null] },
  { name: 'openat', ...opening, role: 'open', detail: 'at1', numbers: [257, 257, 295, 56] },
  { name: 'openat2', ...opening, role: 'open2', detail: 'at1', numbers: [437, 437, 437, 437] },
  { name: 'creat', ...opening, role: 'creat', detail: 'path0', numbers: [85, 85, 8, null] },
  { name: 'mkdir', ...making, detail: 'path0', numbers: [83, 83, 39, null] },
  { name: 'mkdirat', ...making, detail: 'at1', numbers: [258, 258, 296, 34] },
  { name: 'mknod', ...making, detail: 'path0', numbers: [133, 133, 14, null] },
  { name: 'mknodat', ...making, detail: 'at1', numbers: [259, 259, 297, 33] },
  { name: 'link', ...naming, detail: 'path1', numbers: [86, 86, 9, null] },
  { name: 'linkat', ...naming, detail: 'at3', numbers: [265, 265, 303, 37] },
  { name: 'symlink', ...making, detail: 'path1', numbers: [88, 88, 83, null] },
  { name: 'symlinkat', ...making, detail: 'at2', numbers: [266, 266, 304, 36] },
  { name: 'memfd_create', ...memfd, detail: 'path0', numbers: [319, 319, 356, 279] },
  { name: 'dup', ...table, numbers: [32, 32, 41, 23] },
  { name: 'dup2', ...table, creates: '=1', numbers: [33, 33, 63, null] },
  { name: 'dup3', ...table, creates: '=1', numbers: [292, 292, 330, 24] },
  { name: 'fcntl', ...duplicating, numbers: [72, 72, 55, 25] },
  { name: 'fcntl', ...resizing, numbers: [72, 72, 55, 25] },
  { name: 'fcntl64', ...duplicating, numbers: [null, null, 221, null] },
  { name: 'fcntl64', ...resizing, numbers: [null, null, 221, null] },
  { name: 'setxattr', ...attribute, detail: 'path0', numbers: [188, 188, 226, 5] },
  { name: 'lsetxattr', ...attribute, detail: 'path0', numbers: [189, 189, 227, 6] },
  { name: 'setxattrat', ...attribute, detail: 'at1', size: 'xattr4', numbers: [463, 463, 463, 463] },
  { name: 'fsetxattr', ...attribute, detail: 'fd0', numbers: [190, 190, 228, 7] },
  { name: 'pipe', ...pipe, numbers: [22, 22, 42, null] },
  { name: 'pipe2', ...pipe, numbers: [293, 293, 331, 59] },

  { name: 'socket', ...socket, numbers: [41, 41, 359, 198] },
  { name: 'socketpair', ...socket, creates: 2, numbers: [53, 53, 360, 199] },
  // i386 multiplexes: SYS_SOCKET, BIND, CONNECT, ACCEPT, SOCKETPAIR, ACCEPT4 (linux/net.h)
  {
    name: 'socketcall',
    ...multiplexed,
    when: { arg: 0, values: [1, 2, 3, 5, 8, 18] },
    numbers: [null, null, 102, null],
  },
  { name: 'accept', ...accepting, numbers: [43, 43, null, 202] },
  { name: 'accept4', ...accepting, numbers: [288, 288, 364, 242] },
  { name: 'bind', ...addressed, numbers: [49, 49, 361, 200] },
  { name: 'connect', ...addressed, role: 'connect', interruptible: true, numbers: [42, 42, 362, 203] },

  { name: 'eventfd', ...events, numbers: [284, 284, 323, null] },
  { name: 'eventfd2', ...events, numbers: [290, 290, 328, 19] },
  { name: 'timerfd_create', ...events, numbers: [283, 283, 322, 85] },
  { name: 'signalfd', ...events, numbers: [282, 282, 321, null] },
  { name: 'signalfd4', ...events, numbers: [289, 289, 327, 74] },
  { name: 'epoll_create', ...events, numbers: [213, 213, 254, null] },
  { name: 'epoll_create1', ...events, numbers: [291, 291, 329, 20] },
  {
    name: 'epoll_ctl',
    ...watching,
    detail: 'fd2',
    when: { arg: 1, values: [EPOLL_CTL_ADD] },
    numbers: [233, 233, 255, 21],
  },
  { name: 'inotify_init', ...events, numbers: [253, 253, 291, null] },
  { name: 'inotify_init1', ...events, numbers: [294, 294, 332, 26] },
  { name: 'inotify_add_watch', ...watching, detail: 'path1', numbers: [254, 254, 292, 27] },
  { name: 'userfaultfd', ...events, numbers: [323, 323, 374, 282] },
  { name: 'io_uring_setup', ...events, size: 'pow0*128', numbers: [425, 425, 425, 425] },

  { name: 'msgget', ...ipc, numbers: [68, 68, 399, 186] },
  { name: 'msgsnd', ...ipc, detail: 'size2', size: 'arg2', interruptible: true, numbers: [69, 69, 400, 189] },
  { name: 'mq_open', ...ipc, detail: 'path0', creates: 1, numbers: [240, 240, 277, 180] },
  { name: 'mq_timedsend', ...ipc, detail: 'size2', size: 'arg2', interruptible: true, numbers: [242, 242, 279, 182] },
  {
    name: 'mq_timedsend_time64',
    ...ipc,
    detail: 'size2',
    size: 'arg2',
    interruptible: true,
    numbers: [null, null, 418, null],
  },
  { name: 'semget', ...ipc, size: 'pow1*64', numbers: [64, 64, 393, 190] },
  { name: 'shmget', ...shared, numbers: [29, 29, 395, 194] },
  // Always watched: the upper half of the deciding argument is a version, which the kernel ignores.
  { name: 'ipc', ...ipc, check: 'ipc', numbers: [null, null, 117, null] },

  { name: 'shmat', ...memory, numbers: [30, 30, 397, 196] },
  { name: 'remap_file_pages', ...memory, detail: 'size1', numbers: [216, 216, 257, 234] },
  { name: 'memfd_secret', ...memfd, errno: 'ENOMEM', numbers: [447, 447, 447, 447] },
  { name: 'open_by_handle_at', ...opening, numbers: [304, 304, 342, 265] },
  {
    name: 'timer_create',
    ...watching,
    errno: 'EAGAIN',
    man: 'timer_create(2): EAGAIN, temporary error during kernel allocation',
    numbers: [222, 526, 259, 107],
  },
  { name: 'pidfd_open', ...events, numbers: [434, 434, 434, 434] },
  { name: 'fanotify_init', ...events, numbers: [300, 300, 338, 262] },
  { name: 'fanotify_mark', ...watching, numbers: [301, 301, 339, 263] },

  { name: 'unshare', ...namespaces, numbers: [272, 272, 310, 97] },
  { name: 'mount', ...namespaces, detail: 'path1', numbers: [165, 165, 21, 40] },
  { name: 'fsopen', ...namespaces, detail: 'path0', creates: 1, numbers: [430, 430, 430, 430] },
  { name: 'fsmount', ...namespaces, creates: 1, numbers: [432, 432, 432, 432] },
  { name: 'open_tree', ...namespaces, detail: 'at1', creates: 1, numbers: [428, 428, 428, 428] },

  {
    name: 'seccomp',
    ...security,
    role: 'filter',
    size: 'filter2*24',
    when: { arg: 0, values: [SECCOMP_SET_MODE_FILTER] },
    numbers: [317, 317, 354, 277],
  },
  {
    name: 'bpf',
    ...security,
    creates: 1,
    size: 'bpf-map',
    when: { arg: 0, values: [BPF_MAP_CREATE] },
    numbers: [321, 321, 357, 280],
  },
  {
    name: 'bpf',
    ...security,
    creates: 1,
    when: { arg: 0, values: [BPF_PROG_LOAD] },
    numbers: [321, 321, 357, 280],
  },
  { name: 'landlock_create_ruleset', ...security, creates: 1, numbers: [444, 444, 444, 444] },
];

export type WatchedCall = Readonly<
  Pick<GatedCall, 'name' | 'when' | 'numbers'> & {
    /** Only if its lineage is traced, or a final reading is taken. */
    leaves: boolean;
    role: CallRole;
  }
>;

/** Never denied, but watched because they reveal something about the run: who leaves, who traces. */
export const watchedCalls: readonly WatchedCall[] = [
  { name: 'exit', leaves: true, role: 'thread-exit', numbers: [60, 60, 1, 93] },
  { name: 'exit_group', leaves: true, role: 'process-exit', numbers: [231, 231, 252, 94] },
  {
    name: 'ptrace',
    leaves: false,
    role: 'trace',
    when: { arg: 0, values: [PTRACE_TRACEME, PTRACE_ATTACH, PTRACE_SEIZE] },
    numbers: [101, 521, 26, 117],
  },
];
