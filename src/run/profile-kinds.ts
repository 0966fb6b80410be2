/** Which kernel functions allocate what, for the rows of a profile; checked against Debian's 6.1 and 6.12, and 6.18. */

import { isOlder } from '../text/versions.ts';
import { outsideAllocator } from './kernel-stack.ts';

/** By the function that asks for an object, or for the pages of a large one. */
const OBJECTS = byFunction({
  // fs/: file_table.c, file.c, dcache.c, inode.c, pipe.c, fs_struct.c, locks.c, fcntl.c, seq_file.c, buffer.c
  'open file': 'alloc_empty_file __alloc_file alloc_empty_file_noaccount alloc_empty_backing_file',
  'descriptor table': 'dup_fd alloc_fdtable copy_files',
  dentry: '__d_alloc',
  inode: 'alloc_inode',
  pipe: 'alloc_pipe_info pipe_resize_ring',
  'working directory': 'copy_fs_struct',
  'file lock': 'locks_alloc_lock locks_get_lock_context',
  'SIGIO registration': 'fasync_alloc fasync_insert_entry fasync_helper',
  seq_file: 'seq_open seq_buf_alloc seq_read_iter seq_read',
  'buffer head': 'alloc_buffer_head folio_alloc_buffers',
  'page-cache index': 'xas_alloc xas_nomem radix_tree_node_alloc',
  // fs/eventpoll.c: compilers inline ep_insert() and ep_alloc().
  'epoll entry': 'ep_insert do_epoll_ctl attach_epitem ep_ptable_queue_proc',
  epoll: 'ep_alloc do_epoll_create',
  eventfd: 'do_eventfd',
  timerfd: '__do_sys_timerfd_create __x64_sys_timerfd_create',
  signalfd: 'do_signalfd4',
  userfaultfd: 'new_userfaultfd __x64_sys_userfaultfd __do_sys_userfaultfd dup_userfaultfd',
  // fs/notify/
  'inotify watch': 'inotify_new_watch inotify_update_watch',
  'inotify event': 'inotify_handle_inode_event inotify_handle_event',
  fanotify: 'do_fanotify_mark fanotify_handle_event',
  'fsnotify group': 'fsnotify_alloc_group __fsnotify_alloc_group',
  'fsnotify mark': 'fsnotify_add_mark_locked fsnotify_attach_connector_to_object fcntl_dirnotify',
  // fs/namespace.c, fs/super.c
  mount: 'alloc_vfsmnt',
  superblock: 'alloc_super sget_fc alloc_fs_context vfs_dup_fs_context',
  namespace:
    'alloc_mnt_ns create_nsproxy create_new_namespaces copy_pid_ns copy_ipcs copy_utsname copy_time_ns copy_net_ns net_alloc copy_cgroup_ns create_user_ns',
  // mm/: vma_init.c or kernel/fork.c, rmap.c; lib/maple_tree.c
  'mapping (VMA)': 'vm_area_alloc vm_area_dup',
  'reverse mapping': 'anon_vma_alloc anon_vma_fork anon_vma_clone __anon_vma_prepare',
  'mapping tree': 'mas_alloc_nodes mt_alloc_one mas_dup_alloc mas_dup_build',
  'address space': 'dup_mm mm_alloc mm_init',
  // kernel/: fork.c, cred.c, groups.c, pid.c, signal.c, time/posix-timers.c, futex/core.c
  task: 'copy_process dup_task_struct',
  'signal state': 'copy_signal',
  'signal handlers': 'copy_sighand',
  credentials: 'prepare_creds copy_creds cred_alloc_blank prepare_kernel_cred security_prepare_creds',
  'group list': 'groups_alloc',
  pid: 'alloc_pid',
  'queued signal': '__send_signal __send_signal_locked __sigqueue_alloc sigqueue_alloc',
  'POSIX timer': 'do_timer_create alloc_posix_timer',
  'futex table': 'futex_hash_allocate',
  'I/O context': 'alloc_io_context',
  // ipc/
  'semaphore set': 'newary',
  'semaphore undo': 'find_alloc_undo __do_semtimedop do_semtimedop',
  'shared memory segment': 'newseg do_shmat',
  'message queue': 'newque mqueue_get_inode',
  message: 'load_msg alloc_msg msg_insert',
  // security/
  key: 'key_alloc',
  'Landlock ruleset': 'landlock_create_ruleset create_ruleset create_rule insert_rule landlock_create_object',
  // net/: core/sock.c, core/skbuff.c, ipv4/inet_hashtables.c, ipv4/fib_trie.c, ipv6/ip6_fib.c, packet/af_packet.c
  socket: 'sk_prot_alloc',
  'socket buffer':
    '__alloc_skb alloc_skb kmalloc_reserve skb_clone __build_skb build_skb napi_build_skb slab_build_skb pskb_expand_head netlink_alloc_large_skb',
  'socket option': 'sock_kmalloc sock_wmalloc',
  'connection request': 'inet_reqsk_alloc reqsk_alloc',
  'bound port': 'inet_bind_bucket_create inet_bind2_bucket_create',
  route: 'fib_table_insert fib6_add',
  'network address': 'inet_alloc_ifa ipv6_add_addr',
  'packet ring': 'packet_set_ring alloc_pg_vec',
  'netfilter table': 'xt_alloc_table_info xt_alloc_entry_offsets',
  // drivers/tty/, kernel/bpf/, io_uring/, fs/aio.c, arch/x86/kernel/ldt.c
  terminal: 'alloc_tty_struct tty_init_dev pty_unix98_install n_tty_open',
  'terminal buffer': 'tty_buffer_alloc __tty_buffer_request_room',
  'BPF program': 'bpf_prog_alloc_no_stats bpf_prog_alloc bpf_prog_create_from_user',
  'BPF map': 'bpf_map_area_alloc __bpf_map_area_alloc array_map_alloc htab_map_alloc',
  io_uring: 'io_uring_setup io_uring_alloc_task_context __io_alloc_req_refill io_wq_create create_io_worker',
  'AIO context': 'ioctx_alloc',
  'segment table (LDT)': 'alloc_ldt_struct',
});

/** By a function anywhere in the stack of an allocation of pages. */
const PAGES = byFunction({
  'page tables':
    'pte_alloc_one __pte_alloc_one __pte_alloc_one_noprof __pte_alloc __pmd_alloc __pud_alloc __p4d_alloc pgd_alloc _pgd_alloc',
  'pipe data': 'pipe_write anon_pipe_write fifo_pipe_write push_pipe copy_splice_read',
  'socket buffers': 'alloc_skb_with_frags sock_alloc_send_pskb skb_page_frag_refill sk_page_frag_refill',
  'io_uring rings': 'io_mem_alloc io_pages_map io_create_region',
});

/** How the pages were obtained, if nobody knows for what. */
const MECHANISMS = [
  ['vmalloc', /^_*v[mz]alloc/],
  ['large kmalloc', /^(?:_*kmalloc_large|kmalloc_order)/],
] as const;

/** Functions that allocate for their caller: mm/util.c, mm/mempool.c, mm/vmalloc.c, mm/percpu.c. */
const ON_BEHALF =
  /^(?:kmemdup|kstrdup|kstrndup|v?memdup_user|kvmemdup|mempool_alloc|_*v[mz]alloc|_*do_kmalloc|pcpu_alloc|_*alloc_percpu|_*percpu_counter_init)/;

/** Where a function makes several kinds of object, by the cache if it is one that is never merged with others. */
const BY_CACHE: ReadonlyMap<string, Readonly<{ caches: Readonly<Record<string, string>>; other: string }>> = new Map([
  [
    // Compilers inline dup_task_struct(), copy_sighand(), copy_signal() and dup_mm().
    'copy_process',
    {
      caches: { task_struct: 'task', sighand_cache: 'signal handlers', mm_struct: 'address space' },
      other: 'signal state',
    },
  ],
  ['__d_alloc', { caches: { dentry: 'dentry' }, other: 'file name' }],
]);

const ALWAYS = '0';

/** What may be released without an event, by kfree_rcu() or in bulk, with the version of Linux that first does so. */
const UNSEEN: Readonly<Record<string, string>> = {
  // fs/eventpoll.c, __ep_remove(): before, call_rcu(epi_rcu_free).
  ep_insert: '6.11',
  do_epoll_ctl: '6.11',
  // fs/fcntl.c, fasync_remove_entry(): before, call_rcu(fasync_free_rcu).
  fasync_alloc: '6.11',
  fasync_insert_entry: '6.11',
  fasync_helper: '6.11',
  // kernel/time/posix-timers.c, posixtimer_free_timer(): before, call_rcu(k_itimer_rcu_free).
  do_timer_create: '6.13',
  alloc_posix_timer: '6.13',
  // ipc/sem.c, freeary() and exit_sem()
  find_alloc_undo: ALWAYS,
  __do_semtimedop: ALWAYS,
  do_semtimedop: ALWAYS,
  // lib/maple_tree.c, mt_free_bulk(); since 6.18 also ma_free_rcu()
  mas_alloc_nodes: ALWAYS,
  mt_alloc_one: ALWAYS,
  mas_dup_alloc: ALWAYS,
  mas_dup_build: ALWAYS,
  // kernel/futex/core.c, the private hash of a process
  futex_hash_allocate: ALWAYS,
  // security/landlock/object.c, landlock_put_object()
  landlock_create_object: ALWAYS,
  // net/core/skbuff.c, kfree_skb_add_bulk(): the head; data is released one by one.
  __alloc_skb: '6.3',
  skb_clone: '6.3',
  __build_skb: '6.3',
  build_skb: '6.3',
  napi_build_skb: ALWAYS,
  slab_build_skb: '6.3',
  // net/ipv4/inet_hashtables.c, inet_bind_bucket_destroy(), inet_bind2_bucket_destroy()
  inet_bind_bucket_create: '6.15',
  inet_bind2_bucket_create: '6.15',
  // net/ipv4/fib_trie.c, net/ipv6/ip6_fib.c: before, call_rcu().
  fib_table_insert: '6.11',
  fib6_add: '6.11',
  // net/ipv6/addrconf.c, inet6_ifa_finish_destroy()
  ipv6_add_addr: ALWAYS,
};

/** Names in UNSEEN, but of what is in one of several caches. */
const UNSEEN_NAMES: ReadonlySet<string> = new Set([
  // fs/dcache.c, copy_name(): the name of a file that is renamed.
  'file name',
]);

export type Allocation = Readonly<{
  kind: 'object' | 'pages' | 'stack' | 'percpu';
  allocator: string | null;
  cache: string | null;
  /** From the inside out; empty: not known. */
  kernel: readonly string[];
}>;

/** `allocator`: the function that asked for the memory, for whomever it did; null: not known. */
export type Use = Readonly<{ what: string; allocator: string | null; isCounted: boolean }>;

/** `release`: of the running kernel. */
export function useOf({ kind, allocator, cache, kernel }: Allocation, release: string): Use {
  const stack = kernel.map(plainName);
  const named = allocator === null ? null : plainName(allocator);
  const asking = callerIn(named, stack);
  if (kind === 'stack') return { what: 'kernel stack', allocator: asking, isCounted: true };
  if (kind === 'percpu') return { what: 'per-CPU memory', allocator: asking, isCounted: true };
  const what =
    (kind === 'pages' ? usesIn(PAGES, stack) : null) ??
    objectOf(asking, cache) ??
    mechanismIn(stack) ??
    asking ??
    cache;
  const isCounted = kind === 'pages' || !isUnseen(asking, what, release);
  return { what: what ?? 'other', allocator: asking, isCounted };
}

/** The name that the source gives a function of which the compiler made several. */
function plainName(name: string): string {
  const [plain = name] = name.split('.');
  return plain === '' ? name : plain;
}

/** The kernel names whoever called kmalloc, which may be a function that allocates for others. */
function callerIn(allocator: string | null, stack: readonly string[]): string | null {
  const isHelper = (name: string): boolean => ON_BEHALF.test(name) || outsideAllocator([name]).length === 0;
  if (allocator !== null && !isHelper(allocator)) return allocator;
  return stack.find((name) => !isHelper(name)) ?? allocator;
}

function usesIn(table: ReadonlyMap<string, string>, stack: readonly string[]): string | null {
  const known = stack.find((name) => table.has(name));
  return known === undefined ? null : (table.get(known) ?? null);
}

function objectOf(asking: string | null, cache: string | null): string | null {
  if (asking === null) return null;
  const several = cache === null ? undefined : BY_CACHE.get(asking);
  if (several !== undefined) return several.caches[cache ?? ''] ?? several.other;
  return OBJECTS.get(asking) ?? inodeOf(asking);
}

const INODES: Readonly<Record<string, string>> = { sock: 'socket', shmem: 'tmpfs', v9fs: '9p', ovl: 'overlay' };

/** `ext4_alloc_inode`: each file system has a function of its own. */
function inodeOf(asking: string): string | null {
  const system = /^(\w+)_alloc_inode$/.exec(asking)?.[1];
  return system === undefined ? null : `${INODES[system] ?? system} inode`;
}

function mechanismIn(stack: readonly string[]): string | null {
  const found = MECHANISMS.find(([, pattern]) => stack.some((name) => pattern.test(name)));
  return found === undefined ? null : found[0];
}

function isUnseen(asking: string | null, what: string | null, release: string): boolean {
  if (what !== null && UNSEEN_NAMES.has(what)) return true;
  const since = asking !== null && Object.hasOwn(UNSEEN, asking) ? UNSEEN[asking] : undefined;
  return since !== undefined && !isOlder(release, since);
}

function byFunction(uses: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(uses).flatMap(([what, names]) => names.split(' ').map((name) => [name, what] as const)),
  );
}
