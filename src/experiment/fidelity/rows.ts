/** The rows of the comparison: kinds of kernel objects, as src/native/exhaust can create them. */

export type ObjectRow = Readonly<{
  /** Its name in src/native/exhaust. */
  name: string;
  what: string;
  /**
   * `charged`: all modes refuse the same. `uncharged`: neither 5.10 with its own limit nor the gate refuses any.
   * `unseen`: an enforcing kernel refuses, but the gate does not check such calls.
   */
  kind: 'charged' | 'uncharged' | 'unseen';
  /** How often it is tried under each limit, each time from another starting point: src/native/exhaust/main.c. */
  tries: Readonly<{ kernel: number; gate: number }>;
  /** Why it is not `charged`; empty if it is. */
  why: string;
}>;

/** All parts of an object fail with one errno, and there are so many objects that one part does not matter. */
const ONCE = { kernel: 1, gate: 1 } as const;
/** Few objects fit: the median of several tries is more precise than a single try. */
const LARGE = { kernel: 4, gate: 4 } as const;
/** The errno depends on which part of the object does not fit, which only the kernel knows. */
const MIXED = { kernel: 8, gate: 1 } as const;

function charged(name: string, what: string, tries: ObjectRow['tries']): ObjectRow {
  return { name, what, kind: 'charged', tries, why: '' };
}

function uncharged(name: string, what: string, why: string): ObjectRow {
  return { name, what, kind: 'uncharged', tries: ONCE, why };
}

export const rows: readonly ObjectRow[] = [
  charged('fork', 'fork, a paused child', LARGE),
  charged('thread', 'clone of a paused thread', LARGE),
  charged('socket_tcp', 'socket, TCP', MIXED),
  charged('socket_udp', 'socket, UDP', MIXED),
  charged('socket_unix', 'socket, AF_UNIX', MIXED),
  charged('socketpair', 'socketpair', MIXED),
  charged('pipe', 'pipe', MIXED),
  charged('open', 'open', ONCE),
  charged('creat', 'creat on tmpfs', MIXED),
  charged('mkdir', 'mkdir on tmpfs', MIXED),
  charged('link', 'link on tmpfs', ONCE),
  charged('symlink', 'symlink on tmpfs', MIXED),
  charged('memfd_create', 'memfd_create', MIXED),
  charged('dup', 'dup', ONCE),
  charged('fcntl', 'fcntl, F_DUPFD', ONCE),
  charged('eventfd', 'eventfd', ONCE),
  charged('timerfd', 'timerfd_create', ONCE),
  charged('signalfd', 'signalfd', ONCE),
  charged('epoll_create1', 'epoll_create1', ONCE),
  charged('epoll_ctl', 'epoll_ctl, EPOLL_CTL_ADD', ONCE),
  charged('inotify_init', 'inotify_init', ONCE),
  charged('inotify_watch', 'inotify_add_watch', ONCE),
  charged('userfaultfd', 'userfaultfd', ONCE),
  charged('io_uring_setup', 'io_uring_setup', LARGE),
  charged('msgget', 'msgget', ONCE),
  charged('msgsnd', 'msgsnd, 1 KiB', ONCE),
  charged('mq_open', 'mq_open', ONCE),
  charged('semget', 'semget, 32 semaphores', LARGE),
  charged('shmget', 'shmget', MIXED),
  charged('mmap', 'mmap, a separate mapping', ONCE),
  charged('mprotect', 'mprotect, splits', ONCE),
  charged('munmap', 'munmap, splits', ONCE),
  charged('madvise', 'madvise, splits', ONCE),
  charged('mlock', 'mlock2, splits', ONCE),

  uncharged('brk', 'brk', 'the heap is one mapping that grows; only page faults charge memory'),
  uncharged('rename', 'rename on tmpfs', 'the old name is freed as the new one is created'),
  uncharged('stat', 'stat of absent names on tmpfs', 'tmpfs does not cache failed lookups'),
  uncharged('access', 'access to absent names on tmpfs', 'the same'),
  uncharged('readlink', 'readlink of absent names on tmpfs', 'the same'),
  uncharged('timer_create', 'timer_create', 'charged since 5.15'),
  uncharged('add_key', 'add_key', 'has its own quota'),
  uncharged('lock', 'fcntl, F_SETLK', 'locks are allocated from a cache that is not charged'),
  uncharged('bpf', 'bpf, BPF_MAP_CREATE', 'charged since 5.11; its file descriptor is charged as a file'),

  {
    name: 'stat_kept',
    what: 'stat of absent names, not on tmpfs',
    kind: 'unseen',
    tries: ONCE,
    why: 'failed lookups stay cached and are charged; the gate does not check stat',
  },
];
