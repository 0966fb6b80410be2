/** The rows of the comparison: kinds of kernel objects, as src/native/exhaust knows how to make them. */

export type ObjectRow = Readonly<{
  /** By which src/native/exhaust knows it. */
  name: string;
  what: string;
  /**
   * `charged`: both modes refuse the same. `uncharged`: an enforcing kernel refuses none (5.10), nor does the gate.
   * `unseen`: an enforcing kernel refuses, and the gate does not look at such calls.
   */
  kind: 'charged' | 'uncharged' | 'unseen';
  /** How often it is tried under each limit, each time from another starting point: src/native/exhaust/main.c. */
  tries: Readonly<{ native: number; gate: number }>;
  /** Why it is not `charged`; empty where it is. */
  why: string;
}>;

/** All of an object's parts fail with one errno, and there are so many objects that a part more or less is nothing. */
const ONCE = { native: 1, gate: 1 } as const;
/** Few objects fit: the middle of several tries is finer than one of them. */
const LARGE = { native: 4, gate: 4 } as const;
/** Which errno it is depends on which part of the object does not fit, and only the kernel knows. */
const MIXED = { native: 8, gate: 1 } as const;

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
  charged('mmap', 'mmap, a mapping of its own', ONCE),
  charged('mprotect', 'mprotect, splits', ONCE),
  charged('munmap', 'munmap, splits', ONCE),
  charged('madvise', 'madvise, splits', ONCE),
  charged('mlock', 'mlock2, splits', ONCE),

  uncharged('brk', 'brk', 'the heap is one mapping that grows; only touching it charges, by page faults'),
  uncharged('rename', 'rename on tmpfs', 'the old name is freed as the new one is made'),
  uncharged('stat', 'stat of absent names on tmpfs', 'tmpfs does not keep names that were looked up in vain'),
  uncharged('access', 'access to absent names on tmpfs', 'the same'),
  uncharged('readlink', 'readlink of absent names on tmpfs', 'the same'),
  uncharged('timer_create', 'timer_create', 'charged from 5.15 on'),
  uncharged('add_key', 'add_key', 'counted by a quota of its own'),
  uncharged('lock', 'fcntl, F_SETLK', 'locks come from a cache that is not accounted'),
  uncharged('bpf', 'bpf, BPF_MAP_CREATE', 'charged from 5.11 on; its descriptor is a file, which is charged'),

  {
    name: 'stat_kept',
    what: 'stat of absent names, not on tmpfs',
    kind: 'unseen',
    tries: ONCE,
    why: 'names that were looked up in vain stay, and are charged; the gate does not stop each stat to look at it',
  },
];
