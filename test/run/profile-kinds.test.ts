import test from 'ava';
import { type Allocation, useOf } from '../../src/run/profile-kinds.ts';

function use(given: Partial<Allocation>, release = '6.1.0-35-amd64') {
  return useOf({ kind: 'object', allocator: null, cache: null, kernel: [], ...given }, release);
}

test('an object is named after the function that allocated it, not after its cache', (t) => {
  for (const [allocator, what] of [
    ['alloc_pipe_info', 'pipe'],
    ['sock_alloc_inode', 'socket inode'],
    ['shmem_alloc_inode', 'tmpfs inode'],
    ['ext4_alloc_inode', 'ext4 inode'],
    ['sk_prot_alloc.constprop.0', 'socket'],
    ['alloc_empty_file', 'open file'],
    ['vm_area_dup', 'mapping (VMA)'],
    ['do_epoll_ctl', 'epoll entry'],
    ['__anon_vma_prepare', 'reverse mapping'],
  ] as const)
    t.is(use({ allocator, cache: 'mnt_cache' }).what, what, allocator);
});

test('what is not known has the name of its function, else of its cache', (t) => {
  t.is(use({ allocator: 'frobnicate', cache: 'made_up_cache' }).what, 'frobnicate');
  t.is(use({ cache: 'made_up_cache' }).what, 'made_up_cache');
  t.is(use({}).what, 'other');
  t.is(use({ allocator: 'constructor' }).what, 'constructor');
  t.is(use({ kind: 'pages', kernel: ['alloc_pages', 'frobnicate'] }).what, 'frobnicate');
  t.is(use({ kind: 'pages' }).what, 'other');
});

test('a function that allocates for its caller is skipped if the stack is known', (t) => {
  const kernel = ['__kmalloc_node_track_caller', 'kmemdup', 'frobnicate', 'do_syscall_64'];
  t.is(use({ allocator: 'kmemdup', kernel }).allocator, 'frobnicate');
  t.is(use({ allocator: 'kmemdup' }).what, 'kmemdup');
  t.is(use({ allocator: 'alloc_pid', kernel }).allocator, 'alloc_pid');
  t.is(use({ allocator: 'kvmalloc_node', kernel: ['kvmalloc_node', 'alloc_fdtable'] }).what, 'descriptor table');
});

test('a function that makes several kinds of object is refined by a cache that is not merged', (t) => {
  const made = (cache: string | null) => use({ allocator: 'copy_process', cache }).what;
  t.is(made('task_struct'), 'task');
  t.is(made('sighand_cache'), 'signal handlers');
  t.is(made('mm_struct'), 'address space');
  t.is(made('UNIX'), 'signal state');
  t.is(made(null), 'task');
  t.is(use({ allocator: '__d_alloc', cache: 'dentry' }).what, 'dentry');
  t.is(use({ allocator: '__d_alloc', cache: 'kmalloc-rcl-64' }).what, 'file name');
});

test('pages are named after the first known function of the stack', (t) => {
  for (const [stack, what] of [
    ['__alloc_pages pte_alloc_one __pte_alloc do_anonymous_page handle_mm_fault', 'page tables'],
    ['__alloc_pages __pmd_alloc move_page_tables', 'page tables'],
    ['alloc_pages anon_pipe_write vfs_write', 'pipe data'],
    ['alloc_pages_noprof alloc_skb_with_frags sock_alloc_send_pskb unix_stream_sendmsg', 'socket buffers'],
    ['__alloc_pages_noprof ___kmalloc_large_node __kmalloc_node_noprof frobnicate', 'large kmalloc'],
    [
      '___kmalloc_large_node __kmalloc_node __kvmalloc_node_noprof alloc_fdtable dup_fd copy_process',
      'descriptor table',
    ],
    ['__vmalloc_node_range_noprof vzalloc_noprof n_tty_open', 'terminal'],
    ['__vmalloc_node_range vmalloc frobnicate', 'vmalloc'],
  ] as const)
    t.is(use({ kind: 'pages', kernel: stack.split(' ') }).what, what, stack);
});

test('an outer function does not name what an unknown one allocated', (t) => {
  t.is(use({ allocator: 'frobnicate', kernel: ['frobnicate', 'copy_process'] }).what, 'frobnicate');
});

test('stacks and per-CPU memory are named after their kind', (t) => {
  t.like(use({ kind: 'stack', kernel: ['copy_process'] }), { what: 'kernel stack', isCounted: true });
  const kernel = ['pcpu_alloc', '__percpu_counter_init', 'mm_init'];
  t.like(use({ kind: 'percpu', kernel }), { what: 'per-CPU memory', allocator: 'mm_init', isCounted: true });
});

test('what kfree_rcu() releases is not counted, by the version of the kernel', (t) => {
  for (const [allocator, before, since] of [
    ['do_epoll_ctl', '6.1.0-35-amd64', '6.12.30'],
    ['ep_insert.isra.0', '6.6.1', '6.11'],
    ['do_timer_create', '6.12.30', '6.18.44-fc'],
    ['__alloc_skb', '6.1.0', '6.12.30'],
  ] as const) {
    t.true(use({ allocator }, before).isCounted, `${allocator} ${before}`);
    t.false(use({ allocator }, since).isCounted, `${allocator} ${since}`);
  }
  t.false(use({ allocator: 'do_semtimedop' }).isCounted);
  t.false(use({ allocator: '__d_alloc', cache: 'kmalloc-64' }).isCounted);
  t.true(use({ allocator: '__d_alloc', cache: 'dentry' }).isCounted);
  t.true(use({ allocator: 'toString' }).isCounted);
  t.true(use({ kind: 'pages', kernel: ['__alloc_pages', '__alloc_skb'] }, '6.12').isCounted);
});
